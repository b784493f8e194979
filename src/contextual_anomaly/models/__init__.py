"""Context models: one file for each family, and the registry that fits, saves and loads any of them."""
