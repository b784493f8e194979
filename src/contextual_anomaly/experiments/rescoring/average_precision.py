"""Average precision where every image has a weight, so that one pass judges a whole bootstrap.

Arguments of all functions: score and annotated as [N, C] over (image, class), weights [B, N] how often each of B
resamples draws each image. Equal scores are taken together, as scikit-learn does.
"""

import numpy as np

from contextual_anomaly.stats.weighted_counts import by_falling_score, weighted_cumulative_counts


def macro_average_precision(score: np.ndarray, annotated: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[B] mean over the classes that a resample has annotated."""
    every = np.arange(len(score))
    present = np.flatnonzero(annotated.any(0))
    of_class = np.stack([_average(*_counts(every, score[:, c], annotated[:, c], weights)) for c in present])
    known = np.isfinite(of_class)
    with np.errstate(invalid="ignore"):
        return np.where(known, of_class, 0).sum(0) / known.sum(0)


class Pooled:
    """All (image, class) in one ranking, counted once for several measures."""

    def __init__(self, score: np.ndarray, annotated: np.ndarray, weights: np.ndarray) -> None:
        image = np.repeat(np.arange(len(score)), score.shape[1])
        self._true, self._taken = _counts(image, score.ravel(), annotated.ravel(), weights)

    def average_precision(self) -> np.ndarray:
        """[B]"""
        return _average(self._true, self._taken)

    def precision_at(self, hits: np.ndarray) -> np.ndarray:
        """[B] at the strictest threshold that finds at least ``hits`` [B] annotated ones; NaN where hits is 0."""
        place = np.minimum((self._true < hits[:, None]).sum(1), self._true.shape[1] - 1)
        at = np.arange(len(hits)), place
        return np.where(hits > 0, self._true[at] / np.maximum(self._taken[at], 1), np.nan)


def _counts(
    image: np.ndarray, score: np.ndarray, right: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[B, S] right ones and all, down to each group of equal scores with a right one: elsewhere recall stands still."""
    order, ends = by_falling_score(score)
    image, right = image[order], right[order]
    found = right.cumsum()[ends]
    ends = ends[np.diff(found, prepend=0) > 0]
    # A right one's place among the right ones alone is that of its group's end.
    return weighted_cumulative_counts(image[right], right.cumsum()[ends] - 1, weights), weighted_cumulative_counts(
        image, ends, weights
    )


def _average(true: np.ndarray, taken: np.ndarray) -> np.ndarray:
    precision = true / np.maximum(taken, 1)
    found = true[:, -1]
    with np.errstate(invalid="ignore"):
        return (precision * np.diff(true, axis=1, prepend=0)).sum(1) / np.where(found > 0, found, np.nan)
