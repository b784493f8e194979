"""Cross-validation over images: nothing is judged by what was fitted on its own image."""

import numpy as np

from contextual_anomaly.errors import UserError


def folds_of(images: int, folds: int, seed: int) -> np.ndarray:
    """[images] the fold of each image, 0 … folds - 1, of equal size but for one image.

    Raises:
        UserError: there are fewer images than folds.
    """
    if images < folds:
        raise UserError(f"{images} images cannot be divided into {folds} folds; lower rescoring.folds, or give more.")
    return np.random.default_rng(seed).permutation(images) % folds
