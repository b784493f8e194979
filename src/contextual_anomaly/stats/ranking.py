"""Measures of a ranking of items, with weights of their images, and of the rank of one class among others.

Items of equal score are always taken together, so that the order of rows changes no figure.
"""

from functools import cached_property

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int, Real
from contextual_anomaly.stats.weighted_counts import groups_of_equal_scores, weighted_cumulative_counts

RANKING = ("auroc", "average_precision", "fpr_at_95_tpr", "tpr_at_5_fpr")
"""The names of the measures that `ranking` returns."""
FEW_GROUPS = 1000
"""If there are no more groups of equal scores, all are counted: then one group begins where the one before it ends."""


class WeightedRanking:
    """A ranking of T positive and negative items, measured for B weightings of their N images at once.

    Every measure is [B], and NaN where a weighting leaves it undefined.
    """

    def __init__(
        self,
        image: Int[np.ndarray, " T"],
        score: Real[np.ndarray, " T"],
        positive: Bool[np.ndarray, " T"],
        weights: Float[np.ndarray, "B N"],
    ) -> None:
        """Sort the items and count the positive ones.

        Args:
            image: [T] the image of each item, 0 … N - 1.
            score: [T], higher where an item is more likely positive.
            positive: [T] bool.
            weights: [B, N] how often each image is drawn.
        """
        order, self._group_ends = groups_of_equal_scores(score)
        self._image, self._positive, self._weights = image[order], positive[order], weights
        # Between groups that have a positive item recall stays the same, so that counts are needed at these groups only.
        self._found = self._positive.cumsum()
        counted = np.diff(self._found[self._group_ends], prepend=0) > 0
        if counted.any() and len(counted) <= FEW_GROUPS:
            counted[:] = True
        self._ends = self._group_ends[counted]
        self._begins = np.append(-1, self._group_ends)[:-1][counted]  # the last place before each of them

    @cached_property
    def _true(self) -> np.ndarray:
        """[B, G] positive items down to each counted group."""
        # A positive item's place among the positive ones alone is that of its group's end.
        places = self._found[self._ends] - 1
        return weighted_cumulative_counts(self._image[self._positive], places, self._weights)

    @cached_property
    def _taken(self) -> np.ndarray:
        """[B, G] all items down to each counted group."""
        return weighted_cumulative_counts(self._image, self._ends, self._weights)

    @cached_property
    def _before(self) -> np.ndarray:
        """[B, G] all items before each counted group."""
        if not len(self._begins) or not np.array_equal(self._begins[1:], self._ends[:-1]):
            return weighted_cumulative_counts(self._image, self._begins, self._weights)
        first = weighted_cumulative_counts(self._image, self._begins[:1], self._weights)
        return np.hstack([first, self._taken[:, :-1]])

    @cached_property
    def _corners(self) -> tuple[np.ndarray, np.ndarray]:
        """True and false positives [B, 2 G + 2] at the corners of the ROC curve, from (0, 0) to all items."""
        none, true = np.zeros((len(self._weights), 1)), self._true
        everything = weighted_cumulative_counts(self._image, np.array([len(self._image) - 1]), self._weights)
        # A group with positive items lies between two corners; from its last to the next group's first, recall stays.
        tp = np.hstack([none, true]).repeat(2, axis=1)
        taken = np.stack([self._before, self._taken], axis=2).reshape(len(true), -1)
        return tp, np.hstack([none, taken, everything]) - tp

    def average_precision(self) -> Float[np.ndarray, " B"]:
        """Return the average precision, as scikit-learn defines it, NaN without a positive item."""
        if not len(self._ends):
            return np.full(len(self._weights), np.nan)
        precision, found = self._true / np.maximum(self._taken, 1), self._true[:, -1]
        with np.errstate(invalid="ignore"):
            return (precision * np.diff(self._true, axis=1, prepend=0)).sum(1) / np.where(found > 0, found, np.nan)

    def auroc(self) -> Float[np.ndarray, " B"]:
        """Return the area under the ROC curve: ties count one half."""
        tp, fp = self._corners
        with np.errstate(invalid="ignore"):
            return np.trapezoid(tp, fp, axis=1) / (tp[:, -1] * fp[:, -1])

    def fpr_at_tpr(self, tpr: float) -> Float[np.ndarray, " B"]:
        """Return the false positive rate at a true positive rate, linear between the points of the ROC curve."""
        return _interpolate(tpr, *self._rates())

    def tpr_at_fpr(self, fpr: float) -> Float[np.ndarray, " B"]:
        """Return the true positive rate at a false positive rate, linear between the points of the ROC curve."""
        return _interpolate(fpr, *self._rates()[::-1])

    def _rates(self) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(invalid="ignore"):
            tp, fp = (counts / counts[:, -1:] for counts in self._corners)
        return tp, fp

    def precision_at_k(self, k: Real[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
        """Return the expected precision among the first ``k`` [B] items, where equal scores stand in random order."""
        tp, fp = self._corners
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.array([np.interp(n, t + f, t) for n, t, f in zip(k, tp, fp, strict=True)])
            return found / np.minimum(k, tp[:, -1] + fp[:, -1])

    def precision_at_hits(self, hits: Real[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
        """Return the precision at the highest threshold that finds ``hits`` [B] positive items, NaN for no hits."""
        if not len(self._ends):
            return np.full(len(self._weights), np.nan)
        place = np.minimum((self._true < hits[:, None]).sum(1), self._true.shape[1] - 1)
        at = np.arange(len(hits)), place
        true, taken = self._true[at].astype(np.float64), self._taken[at].astype(np.float64)
        return np.where(hits > 0, true / np.maximum(taken, 1), np.nan)

    def area_under_risk(self) -> Float[np.ndarray, " B"]:
        """Return the mean, over all coverages, of the share of negative items among those taken; NaN without an item.

        The risk-coverage curve is that of El-Yaniv and Wiener (2010).
        """
        if not len(self._image):
            return np.full(len(self._weights), np.nan)
        taken = weighted_cumulative_counts(self._image, self._group_ends, self._weights)
        negative = ~self._positive
        places = negative.cumsum()[self._group_ends] - 1
        risk = weighted_cumulative_counts(self._image[negative], places, self._weights) / np.maximum(taken, 1)
        return (risk * np.diff(taken, axis=1, prepend=0)).sum(1) / np.maximum(taken[:, -1], 1)

    def measures(self) -> dict[str, Float[np.ndarray, " B"]]:
        """Return the measures named in `RANKING`."""
        return {
            "auroc": self.auroc(),
            "average_precision": self.average_precision(),
            "fpr_at_95_tpr": self.fpr_at_tpr(0.95),
            "tpr_at_5_fpr": self.tpr_at_fpr(0.05),
        }


def _interpolate(at: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    defined = np.isfinite(x[:, -1] + y[:, -1])
    return np.array([np.interp(at, *curve) if known else np.nan for *curve, known in zip(x, y, defined, strict=True)])


def ranking(positive: Bool[np.ndarray, " T"], score: Real[np.ndarray, " T"]) -> dict[str, float]:
    """Return AUROC, average precision, the false positive rate at 95 % tpr and the true positive rate at 5 % fpr.

    Args:
        positive: [T] bool.
        score: [T], higher where more likely positive.
    """
    every = WeightedRanking(np.zeros(len(score), int), score, positive, np.ones((1, 1)))
    return {name: float(value[0]) for name, value in every.measures().items()}


def rank(
    score: Real[np.ndarray, "T C"], candidate: Bool[np.ndarray, "T C"], target: Int[np.ndarray, " T"]
) -> Int[np.ndarray, " T"]:
    """Return the rank [T] of the target class among an image's candidates, 1 for the best; ties count against it.

    Args:
        score: [T, C].
        candidate: [T, C] bool, the target among them.
        target: [T] class indices.
    """
    own = np.take_along_axis(score, target[:, None], axis=1)
    return ((score >= own) & candidate).sum(1)
