"""Context models, one file a family, and the registry that loads any of them."""
