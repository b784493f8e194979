"""Where a person can look at an image."""

EXPLORE = "https://cocodataset.org/#explore?id="
"""COCO's explorer; an image id follows. For images with a COCO address only."""
