"""Follow objects from frame to frame: which box of a frame is which object of the frames before.

Boxes that are probably objects are assigned first, the others to what is left then, as in ByteTrack (Zhang et al. 2022,
arXiv 2110.06864), so that an object is not lost where its score falls. Each assignment has the largest sum of overlaps
(IoU) of boxes of one class. Where a source gives no boxes, there is one object a class.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.checking.objects import Box
from contextual_anomaly.stats.boxes import shared_area

LEAST_OVERLAP = 0.2
"""IoU of the box of an object and where it was expected."""
LIKELY = 0.0
"""Log-odds of an object from which a box is assigned first: it is there rather than not."""
COASTING = 0.5
"""Seconds that an object which is not found is expected to go on as it moved."""
SMOOTH = 0.5
"""Share of a new velocity in that of an object."""


@dataclass(slots=True, eq=False)
class Track:
    """A followed object.

    Attributes:
        number: of the object, from 1 on.
        category: its class.
        box: x, y, width and height where it was last found; None without boxes.
        seen: seconds of the source when it was last found.
        score: with which it was last found; NaN where the source gives none.
        log_odds: that it is there.
        on: whether it counts as there.
        velocity: of the box, in pixels a second.
    """

    number: int
    category: str
    box: Box | None
    seen: float
    score: float
    log_odds: float
    on: bool = False
    velocity: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def presence(self) -> float:
        """Probability that it is there."""
        return 1 / (1 + math.exp(-self.log_odds))

    def expected(self, seconds: float) -> Box | None:
        """Return where the box is expected at a time."""
        if self.box is None:
            return None
        ahead = min(max(seconds - self.seen, 0.0), COASTING)
        x, y, width, height = (side + ahead * speed for side, speed in zip(self.box, self.velocity, strict=True))
        return x, y, max(width, 1.0), max(height, 1.0)

    def found(self, box: Box | None, score: float, seconds: float) -> None:
        """Take over where an object was found."""
        since = seconds - self.seen
        if box is not None and self.box is not None and since > 0:
            share = SMOOTH if since <= COASTING else 1.0
            self.velocity = tuple(
                (1 - share) * old + share * (new - side) / since
                for old, new, side in zip(self.velocity, box, self.box, strict=True)
            )  # pyright: ignore[reportAttributeAccessIssue]
        self.box, self.score, self.seen = box if box is not None else self.box, score, seconds


def assign(
    tracks: Sequence[Track], names: Sequence[str], boxes: Sequence[Box | None], likely: Sequence[bool], seconds: float
) -> Int[np.ndarray, " K"]:
    """Return which track each of K objects of a frame belongs to; -1 for those that belong to none.

    Args:
        tracks: the followed objects.
        names: [K] classes.
        boxes: [K] boxes; None where there is none.
        likely: [K] whether it is probably an object.
        seconds: when.
    """
    result = np.full(len(names), -1, np.intp)
    if not len(names) or not tracks:
        return result
    numbers: dict[str, int] = {}
    of_track = np.array([numbers.setdefault(track.category, len(numbers)) for track in tracks])
    of_object = np.array([numbers.setdefault(name, len(numbers)) for name in names])
    gain = iou(_as_array([track.expected(seconds) for track in tracks]), _as_array(boxes))
    gain[(of_track[:, None] != of_object) | (gain < LEAST_OVERLAP)] = -1
    certain = np.array(likely, bool)
    for group in (np.flatnonzero(certain), np.flatnonzero(~certain)):
        first, second = linear_sum_assignment(gain[:, group], maximize=True)
        good = gain[first, group[second]] > 0
        result[group[second[good]]] = first[good]
        gain[first[good]] = -1
    return result


def iou(first: Float[np.ndarray, "T 4"], second: Float[np.ndarray, "K 4"]) -> Float[np.ndarray, "T K"]:
    """Return the overlap of boxes (x, y, width, height): common area / area of both; 1 where neither is known."""
    common = shared_area(first[:, None], second)
    area = first[:, 2:].prod(1)[:, None] + second[:, 2:].prod(1)
    unknown = np.isnan(first[:, None, 0]) & np.isnan(second[:, 0])
    return np.where(unknown, 1.0, np.nan_to_num(common / np.maximum(area - common, 1e-9)))


def _as_array(boxes: Sequence[Box | None]) -> np.ndarray:
    nothing = (np.nan,) * 4
    return np.array([nothing if box is None else box for box in boxes], float).reshape(-1, 4)
