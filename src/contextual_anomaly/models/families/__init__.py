"""The families of context models, one file each; `models.registry` finds them by their file names."""
