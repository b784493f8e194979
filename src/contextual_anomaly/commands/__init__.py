"""The sub-commands of contextual-anomaly, one file each; what a rule runs is what a person can run."""
