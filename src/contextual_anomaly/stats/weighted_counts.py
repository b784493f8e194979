"""Counts along a ranking for many weightings of the images at once, as the bootstrap of a curve needs them.

The ranked items are divided into segments and counted by image, so that all resamples are one product of matrices,
and no array is as large as resamples × items.
"""

import numpy as np
from scipy.sparse import csr_array

from contextual_anomaly.array_types import Float, Int, Real

CELLS = 2_000_000
"""Resamples times items that are counted item by item: some 10 MB."""


def groups_of_equal_scores(
    score: Real[np.ndarray, " T"],
) -> tuple[Int[np.ndarray, " T"], Int[np.ndarray, " G"]]:
    """Return the order of [T] scores, highest first, and in it the last place of each group of equal scores [G]."""
    # Of small whole numbers, a stable sort is one by radix, and the fastest; in which order equal scores stand is no matter.
    order = np.argsort(-score, kind="stable" if score.dtype.itemsize <= 2 else None)
    ranked = score[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])


def weighted_cumulative_counts(
    image: Int[np.ndarray, " T"], ends: Int[np.ndarray, " S"], weights: Float[np.ndarray, "B N"]
) -> Float[np.ndarray, "B S"]:
    """Count the items at or before each of some places of a ranking, each item weighted as its image.

    Args:
        image: [T] the image of each item, in the order of the ranking.
        ends: [S] ascending places in the ranking; -1 for none.
        weights: [B, N] how often each image is drawn.

    Returns:
        [B, S] of the type of the weights, or float64 where whole numbers may exceed the exact range of float32.
    """
    last = int(ends[-1]) + 1 if len(ends) else 0
    image, images = image[:last], weights.shape[1]
    dtype = weights.dtype if last * float(weights.max(initial=0)) < 2**24 else np.float64
    if last * len(weights) <= CELLS:  # of few items, to set up a product takes longer than to add them one by one
        counted = np.zeros((last + 1, len(weights)), dtype)
        np.ascontiguousarray(weights.T)[image].cumsum(0, out=counted[1:])
        return counted[ends + 1].T
    segment = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    if len(ends) * images <= 4 * last:  # counts that are not mostly 0 multiply faster as a dense matrix
        cells = np.bincount(segment * images + image, minlength=len(ends) * images)
        return (weights @ cells.reshape(len(ends), images).astype(weights.dtype).T).cumsum(1, dtype=dtype)
    counts = csr_array((np.ones(last, np.float32), (segment, image)), shape=(len(ends), images))
    return (counts @ np.ascontiguousarray(weights.T)).cumsum(0, dtype=dtype).T
