"""Trainers in JAX, apart from the models so that prediction does not start JAX."""
