"""Statistics that several stages share: bootstrap intervals, weighted rankings, log-odds and folds."""
