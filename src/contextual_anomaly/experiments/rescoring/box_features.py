"""Features of boxes for the trees that rescore them, in groups: a box by itself, its duplicates, and what is around it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.stats.log_odds import logit

EDGE_PIXELS = 2
"""A box that ends closer to the edge of its image is cut off by it."""

NEARLY_ALL = 0.999
"""Overlaps count as at most this much, so that the logarithm of what is left is finite."""


@dataclass(frozen=True)
class Boxes:
    """D boxes of a detector, those of an image side by side.

    Attributes:
        image: [D] number of each box's image, rising.
        column: [D] number of its class.
        score: [D] by the detector.
        corners: [D, 4] x, y, width and height in pixels.
        sizes: [D, 2] width and height of its image in pixels; NaN where they are not known.
    """

    image: Int[np.ndarray, " D"]
    column: Int[np.ndarray, " D"]
    score: Float[np.ndarray, " D"]
    corners: Float[np.ndarray, "D 4"]
    sizes: Float[np.ndarray, "D 2"]

    def frame(self) -> pd.DataFrame:
        """Return the places of the boxes as `box_pairs` takes them."""
        return pd.DataFrame(self.corners.astype(np.float64), columns=pd.Index(BOX)).assign(image_id=self.image)


def own_features(boxes: Boxes) -> Float[np.ndarray, "D own"]:
    """Return a box's score, class, size, shape, and place; NaN of what needs the size of an image that is not known."""
    x, y, width, height = boxes.corners.astype(np.float64).T
    image_width, image_height = boxes.sizes.astype(np.float64).T
    right, bottom = image_width - x - width, image_height - y - height
    columns = [
        logit(boxes.score),
        boxes.column,
        width / image_width,
        height / image_height,
        np.log(width * height) / 2,
        np.log(width / height),
        (x + width / 2) / image_width,
        (y + height / 2) / image_height,
        x / image_width,
        y / image_height,
        right / image_width,
        bottom / image_height,
        image_width / image_height,
        sum((side < EDGE_PIXELS).astype(float) for side in (x, y, right, bottom)),
    ]
    return np.stack(columns, 1)


class OtherBoxes:
    """The other boxes in the image of each of D boxes, pair by pair."""

    def __init__(self, boxes: Boxes) -> None:
        """Find the pairs of different boxes of one image."""
        places = boxes.frame()
        pairs = box_pairs(places, places)
        other = pairs.first != pairs.second
        self._boxes = boxes
        self._of, self._other = pairs.first[other], pairs.second[other]
        self._iou, self._inside, self._contains = (
            values[other] for values in (pairs.iou, pairs.inside, pairs.contains)
        )
        self._score = boxes.score.astype(np.float64)[self._other]
        own = boxes.score[self._of]
        # Of equal scores, the first box stands higher.
        self._higher = (self._score > own) | ((self._score == own) & (self._other < self._of))
        self._same = boxes.column[self._of] == boxes.column[self._other]

    def _sum(self, values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        return np.bincount(self._of[pairs], values[pairs], len(self._boxes.image))

    def _largest(self, values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        return largest(len(self._boxes.image), self._of[pairs], values[pairs])

    def _overlaps(self, pairs: np.ndarray) -> list[np.ndarray]:
        """Return overlaps with higher boxes and with lower ones, among some pairs."""
        above, below = pairs & self._higher, pairs & ~self._higher
        left = np.log1p(-np.minimum(self._iou, NEARLY_ALL))
        return [
            *(self._largest(values, above) for values in (self._iou, self._inside, self._contains)),
            *(self._largest(values, below) for values in (self._iou, self._inside, self._contains)),
            self._largest(self._iou * self._score, pairs),
            self._sum(self._iou * self._score, pairs),
            self._sum(left, above),
        ]

    def duplicates(self) -> Float[np.ndarray, "D duplicates"]:
        """Return how much a box overlaps others of its class, which are of higher or lower score, and how many there are."""
        one = np.ones(len(self._of))
        numbers = [self._sum(one, self._same & self._higher), self._sum(one, self._same)]
        return np.stack([*self._overlaps(self._same), *numbers, self._largest(self._score, self._same)], 1)

    def around(self) -> Float[np.ndarray, "D around"]:
        """Return how much a box overlaps those of other classes, and how many, how certain and how large the others are."""
        every, one = np.ones(len(self._of), bool), np.ones(len(self._of))
        height = np.log(self._boxes.corners[:, 3].astype(np.float64))
        number, certain = self._sum(one, every), self._sum(self._score, every)
        with np.errstate(invalid="ignore", divide="ignore"):
            taller = height - self._sum(height[self._other] * self._score, every) / certain
            difference = np.abs(height[self._of] - height[self._other]) * self._score
            unlike = self._sum(difference, self._same) / self._sum(self._score, self._same)
            mean = certain / number
        columns = [
            *self._overlaps(~self._same),
            number,
            certain,
            mean,
            self._sum(one, self._higher),
            self._largest(self._score, every),
            taller,
            unlike,
        ]
        return np.stack(columns, 1)

    def overlap_by_class(self, classes: int) -> Float[np.ndarray, "D C"]:
        """Return the largest overlap (IoU) of each box with the other boxes of each class."""
        return self._largest_by_class(self._iou, classes)

    def score_by_class(self, classes: int) -> Float[np.ndarray, "D C"]:
        """Return the largest score of each class among the other boxes of the image."""
        return self._largest_by_class(self._score, classes)

    def _largest_by_class(self, values: np.ndarray, classes: int) -> np.ndarray:
        result = np.zeros((len(self._boxes.image), classes))
        np.maximum.at(result, (self._of, self._boxes.column[self._other]), values)
        return result


def class_features(
    column: Int[np.ndarray, " D"], log_probability: Float[np.ndarray, "D C"]
) -> Float[np.ndarray, "D F"]:
    """Return what an object model makes of the classes of boxes.

    Args:
        column: [D] the class that the detector gave each box.
        log_probability: [D, C] of each class, given the box and the other boxes; NaN of a class that is not known.

    Returns:
        log-probability and log-odds of the given class, how far the best other class is from it, its rank, the entropy, and
        the best other's log-probability.
    """
    rows = np.arange(len(column))
    given = log_probability[rows, column].astype(np.float64)
    others = log_probability.astype(np.float64)
    others[rows, column] = -np.inf
    best = np.nan_to_num(others, nan=-np.inf).max(1)
    probability = np.nan_to_num(np.exp(log_probability.astype(np.float64)))
    entropy = -(probability * np.nan_to_num(log_probability.astype(np.float64))).sum(1)
    rank = (log_probability > given[:, None]).sum(1)
    odds = given - np.log1p(-np.minimum(np.exp(given), 1 - 1e-6))
    return np.stack([given, odds, given - best, rank, entropy, best], 1)
