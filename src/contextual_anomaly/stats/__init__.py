"""Statistics that several stages share: bootstrap, rankings, log-odds, folds."""
