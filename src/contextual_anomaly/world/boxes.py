"""Boxes of the synthetic world, and four coordinates without bounds that say the same.

The coordinates are the logits of: width and height between the smallest and the image's, and of the left and the top edge
between the places where the box would touch either side of the image. Whatever their values, the box lies inside.
"""

import numpy as np
from scipy.special import expit, logit

WIDTH, HEIGHT = 320, 240
"""Pixels of every image of the synthetic world."""
SMALLEST = 6.0
"""Shortest side of a box in pixels; a smaller object could not be recognised in a rendered image."""
DECIMALS = 2  # of a pixel, as COCO writes them
INSIDE = 1e-6  # a share this near to 0 or 1, as rounding may make it, is moved here: its logit must be finite
IMAGE = np.array([WIDTH, HEIGHT], float)


def to_box(coordinates: np.ndarray) -> np.ndarray:
    """Convert coordinates [M, 4] to boxes [M, 4]: x, y, width, height in pixels, rounded to hundredths."""
    share = expit(coordinates)
    size = np.round(SMALLEST + share[:, :2] * (IMAGE - SMALLEST), DECIMALS)
    return np.concatenate([np.round(share[:, 2:] * (IMAGE - size), DECIMALS), size], 1)


def to_coordinates(box: np.ndarray) -> np.ndarray:
    """Convert boxes [M, 4] in pixels to coordinates [M, 4]."""
    size = box[:, 2:]
    free = np.maximum(IMAGE - size, 10.0**-DECIMALS)
    share = np.concatenate([(size - SMALLEST) / (IMAGE - SMALLEST), box[:, :2] / free], 1)
    return logit(np.clip(share, INSIDE, 1 - INSIDE))
