"""Boxes of the synthetic world, and four coordinates without bounds that say the same.

The coordinates are the logits of: width and height between the smallest and the image's, the left edge between the places
where the box would touch either side of the image, and the top edge likewise, but within the span that the support of the
class leaves it. Whatever their values, the box lies inside the image. A span that starts at the horizon puts the lower edge
of a small object there at the highest, and that of a tall one further down, as if it were nearer.
"""

import numpy as np
from scipy.special import expit, logit

WIDTH, HEIGHT = 320, 240
"""Pixels of every image of the synthetic world."""
SMALLEST = 10.0
"""Shortest side of a box in pixels; a smaller object could not be recognised in a rendered image."""
DECIMALS = 2  # of a pixel, as COCO writes them
INSIDE = 1e-6  # a share this near to 0 or 1, as rounding may make it, is moved here: its logit must be finite
IMAGE = np.array([WIDTH, HEIGHT], float)


def to_box(coordinates: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Convert coordinates to boxes.

    Args:
        coordinates: [M, 4].
        span: [M, 2] least and greatest share of the free height above each box.

    Returns:
        Boxes [M, 4]: x, y, width, height in pixels, rounded to hundredths.
    """
    share = expit(coordinates)
    size = np.round(SMALLEST + share[:, :2] * (IMAGE - SMALLEST), DECIMALS)
    low, high = span.T
    above = np.stack([share[:, 2], low + (high - low) * share[:, 3]], 1)
    return np.concatenate([np.round(above * (IMAGE - size), DECIMALS), size], 1)


def to_coordinates(box: np.ndarray) -> np.ndarray:
    """Convert boxes [M, 4] in pixels to the coordinates that do not depend on the support [M, 3]: width, height, left."""
    share = np.column_stack([(box[:, 2:] - SMALLEST) / (IMAGE - SMALLEST), box[:, 0] / _free(box)[:, 0]])
    return logit(np.clip(share, INSIDE, 1 - INSIDE))


def to_top(box: np.ndarray, span: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert boxes to the coordinate of the top edge within spans.

    Args:
        box: [M, 4] in pixels.
        span: [..., 2] spans of the free height.

    Returns:
        The coordinate [M, ...], and the log [M, ...] of how much it changes with the share of the free height: minus
        infinity where the box is outside of the span.
    """
    free = _free(box)[:, 1]
    free, above = (value.reshape(-1, *[1] * (span.ndim - 1)) for value in (free, box[:, 1] / free))
    low, high = span[..., 0], span[..., 1]
    share = (above - low) / (high - low)
    slack = 10.0**-DECIMALS / (free * (high - low))  # as far as rounding may have moved the edge
    inside = (share >= -slack) & (share <= 1 + slack)
    share = np.clip(share, INSIDE, 1 - INSIDE)
    return logit(share), np.where(inside, -np.log(share) - np.log1p(-share) - np.log(high - low), -np.inf)


def _free(box: np.ndarray) -> np.ndarray:
    """Return the pixels [M, 2] that the image has beside and above or below each box."""
    return np.maximum(IMAGE - box[:, 2:], 10.0**-DECIMALS)
