"""Which objects are unexpected in an image, and which expected ones are missing."""

__version__ = "0.1.0"
