"""Folds of images for cross-validation."""

import numpy as np

from contextual_anomaly.array_types import Int
from contextual_anomaly.errors import UserError


def assign_folds(n_images: int, n_folds: int, seed: int) -> Int[np.ndarray, "{n_images}"]:
    """Return the fold of each image, 0 … n_folds - 1, as [n_images]; the sizes of folds differ by at most one.

    Raises:
        UserError: there are fewer images than folds.
    """
    if n_images < n_folds:
        raise UserError(
            f"{n_images} images cannot be divided into {n_folds} folds; lower rescoring.folds, or give more images."
        )
    return np.random.default_rng(seed).permutation(n_images) % n_folds
