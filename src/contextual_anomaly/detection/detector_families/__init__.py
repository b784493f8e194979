"""How each family of detectors wants an image, and how its output is read."""
