"""Cross-fitting: a model for each fold of the images, fitted on all other folds, so that it has not seen what it judges."""

import logging

import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.settings import Section
from contextual_anomaly.scenes import Scenes

logger = logging.getLogger(__name__)


def can_cross_fit(settings: Section) -> bool:
    """Return whether the family learns from scenes alone: not from other models, nor from where objects are."""
    needed = ("estimators", "geometry", "objects")
    return not any(getattr(settings, name, False) for name in needed)


def cross_fit(scenes: Scenes, fold: np.ndarray, name: str, settings: Section, threads: int = 1) -> list[ContextModel]:
    """Fit a model for each fold.

    Args:
        scenes: N images; those without any object teach nothing and are left out of the fits.
        fold: [N] 0 … K - 1.
        name: of the models.
        settings: the family and its settings.
        threads: processor cores to use.

    Returns:
        K models; number k has not seen the images of fold k.

    Raises:
        UserError: the family needs more than scenes, or there is but one fold.
    """
    if not can_cross_fit(settings):
        raise UserError(
            f"model {name!r} is made from other models or from where objects are, so it cannot be fitted again for each "
            "part of the images. Choose a model that learns from scenes alone, such as pairwise, mixture or masked."
        )
    folds = int(fold.max()) + 1
    if folds < 2:
        raise UserError(
            f"{len(fold)} image cannot be judged by models that were fitted on other images: there are none."
        )
    logger.info(f"fitting {name} {folds} times, each without a part of the images")
    filled = scenes.counts.any(1)
    return [
        registry.fit(TrainingData(scenes.where((fold != k) & filled)), name, settings, threads).model
        for k in range(folds)
    ]
