"""Pairs of boxes of one image, and how much they overlap."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.stats.boxes import BOX, shared_area


@dataclass(frozen=True)
class BoxPairs:
    """All P pairs of rows of two tables that are of one image."""

    first: np.ndarray  # [P] row of the first table
    second: np.ndarray  # [P] row of the second
    iou: np.ndarray  # [P] intersection over union
    inside: np.ndarray  # [P] share of the first box that lies inside the second
    contains: np.ndarray  # [P] share of the second box that lies inside the first


def box_pairs(first: pd.DataFrame, second: pd.DataFrame) -> BoxPairs:
    """Return the pairs of boxes; ``second`` is sorted by image_id. Columns image_id, x, y, width, height."""
    of = second["image_id"].to_numpy()
    start = np.searchsorted(of, first["image_id"], side="left")
    count = np.searchsorted(of, first["image_id"], side="right") - start
    a = np.repeat(np.arange(len(first)), count)
    b = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(start, count)
    one, two = (table[BOX].to_numpy(np.float64) for table in (first, second))
    shared = shared_area(one[a], two[b])
    area, other = one[:, 2:].prod(1)[a], two[:, 2:].prod(1)[b]
    # An object without a box, or with one of no area, overlaps nothing.
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = (np.nan_to_num(shared / of) for of in (area + other - shared, area, other))
        return BoxPairs(a, b, *shares)


def largest(rows: int, at: np.ndarray, values: np.ndarray, nothing: float = 0.0) -> np.ndarray:
    """Return [rows] the largest of ``values`` at each row, ``nothing`` where there is none."""
    result = np.full(rows, -np.inf)
    np.maximum.at(result, at, values)
    return np.where(np.isneginf(result), nothing, result)
