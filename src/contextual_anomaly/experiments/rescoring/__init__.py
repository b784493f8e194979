"""Experiment 2: what context adds to a detector, for the classes of an image and for its boxes."""
