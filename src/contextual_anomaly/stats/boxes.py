"""Boxes as arrays: the order of their numbers, and the area that two of them share."""

import numpy as np

BOX = ["x", "y", "width", "height"]
"""The numbers of a box, in the order of all arrays and as the columns of tables: of its upper left corner, and its size."""

SAME_OBJECT = 0.5
"""Boxes whose intersection over union is at least this are of one object, as in COCO's AP50."""


def shared_area(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return [...] the area that boxes [..., 4] share, of broadcast leading dimensions; NaN where a box is NaN."""
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    return np.maximum(high - low, 0).prod(-1)


def iou_of_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return [P] the intersection over union of each box of ``first`` [P, 4] with that of ``second`` in the same row."""
    shared = shared_area(first, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(shared / (first[:, 2:].prod(1) + second[:, 2:].prod(1) - shared))
