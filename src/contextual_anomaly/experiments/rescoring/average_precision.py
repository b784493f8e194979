"""Average precision over the classes of images, for many weightings of the images at once."""

import numpy as np

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.stats.ranking import WeightedRanking


def macro_average_precision(
    score: Float[np.ndarray, "N C"], annotated: Bool[np.ndarray, "N C"], weights: Float[np.ndarray, "B N"]
) -> Float[np.ndarray, " B"]:
    """Return the mean average precision [B] over the classes that a resample has annotated.

    Args:
        score: [N, C].
        annotated: [N, C] bool.
        weights: [B, N] how often each resample draws each image.
    """
    every = np.arange(len(score))
    present = np.flatnonzero(annotated.any(0))
    of_class = [WeightedRanking(every, score[:, c], annotated[:, c], weights).average_precision() for c in present]
    known = np.isfinite(of_class)
    with np.errstate(invalid="ignore"):
        return np.where(known, of_class, 0).sum(0) / known.sum(0)


def pooled_ranking(
    score: Float[np.ndarray, "N C"], annotated: Bool[np.ndarray, "N C"], weights: Float[np.ndarray, "B N"]
) -> WeightedRanking:
    """Return one ranking of all (image, class) pairs; arguments as those of `macro_average_precision`."""
    image = np.repeat(np.arange(len(score)), score.shape[1])
    return WeightedRanking(image, score.ravel(), annotated.ravel(), weights)
