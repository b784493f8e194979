"""Trainers: of autoencoders, masked networks and mixtures."""
