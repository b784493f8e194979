"""What speaks for each class at each annotated object and at each detected box."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.models.base import ContextModel

SAME_OBJECT = 0.5
"""Boxes that overlap so much (intersection over union) are of one object, as COCO's AP50 has it."""


@dataclass(frozen=True)
class Context:
    """A context model as the audit asks it."""

    model: ContextModel
    variant: int
    frequency: np.ndarray  # [C] share of training scenes that hold each class

    def predict_proba(self, evidence: np.ndarray) -> np.ndarray:
        """[N, C] float32 for evidence [N, C]; the same scenes are asked for once."""
        scenes, back = np.unique(evidence.astype(bool), axis=0, return_inverse=True)
        return self.model.predict_proba(scenes.astype(np.float32))[self.variant][back.reshape(-1)]


@dataclass(frozen=True)
class Pairs:
    """All pairs of rows of two tables that are of one image, and how much their boxes overlap."""

    first: np.ndarray  # [P] row of the first table
    second: np.ndarray  # [P] row of the second
    union: np.ndarray  # [P] intersection over union
    inside: np.ndarray  # [P] share of the first box that lies inside the second


def pairs(first: pd.DataFrame, second: pd.DataFrame) -> Pairs:
    """Pairs of boxes; ``second`` is sorted by image_id. Columns image_id, x, y, width, height."""
    of = second["image_id"].to_numpy()
    start = np.searchsorted(of, first["image_id"], side="left")
    count = np.searchsorted(of, first["image_id"], side="right") - start
    a = np.repeat(np.arange(len(first)), count)
    b = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(start, count)
    one, two = (table[["x", "y", "width", "height"]].to_numpy(np.float64) for table in (first, second))
    low = np.maximum(one[a, :2], two[b, :2])
    high = np.minimum(one[a, :2] + one[a, 2:], two[b, :2] + two[b, 2:])
    shared = np.maximum(high - low, 0).prod(1)
    area, other = one[:, 2:].prod(1)[a], two[:, 2:].prod(1)[b]
    # An object without a box overlaps nothing.
    return Pairs(a, b, np.nan_to_num(shared / (area + other - shared)), np.nan_to_num(shared / area))


def largest(rows: int, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[rows] largest of ``values`` at each row, 0 where there is none."""
    result = np.zeros(rows)
    np.maximum.at(result, at, values)
    return result
