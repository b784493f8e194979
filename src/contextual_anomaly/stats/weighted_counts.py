"""Counts down a ranking for many weightings of the images at once, which is what a bootstrap of a curve needs.

Ranked items are cut into segments and counted by image, so that all resamples are one product of a sparse matrix with
the images' weights, and no array is as large as resamples × items. Counts are whole numbers, exact in float32 below 2^24.
"""

import numpy as np
from scipy.sparse import csr_array


def by_falling_score(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of [T] scores, and in it the last place of each group of equal ones."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])


def weighted_cumulative_counts(image: np.ndarray, ends: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[B, S] how many items stand at or before each of ``ends`` [S], ascending places in the ranking.

    Args:
        image: [T] the image of each item, in the ranking's order.
        weights: [B, N] how often each image is drawn.
    """
    last = ends[-1] + 1 if len(ends) else 0
    segment = np.searchsorted(ends, np.arange(last))
    one = np.ones(last, np.float32)
    counts = csr_array((one, (segment, image[:last])), shape=(len(ends), weights.shape[1]))
    return (counts @ np.ascontiguousarray(weights.T)).cumsum(0).T
