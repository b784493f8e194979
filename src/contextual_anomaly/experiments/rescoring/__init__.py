"""Experiment 2: a detector's scores, changed by what context says of each class in the image."""
