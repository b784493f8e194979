"""Choosing among context models by how well they predict held-out images."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from contextual_anomaly.models import registry
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.settings import Section

logger = logging.getLogger(__name__)

QUICK_FAMILIES = ("frequency", "naive_bayes", "chow_liu", "ease", "pairwise", "mixture")
"""Families that learn from scenes alone and are fitted in seconds."""

MAX_HELD_OUT = 20_000
"""Held-out images that are asked about at most."""


def select(models: Sequence[ContextModel], data: TrainingData) -> tuple[ContextModel, pd.DataFrame]:
    """Return the model that makes the held-out fifth of the training images likeliest, and how all models do.

    The measure is the mean over images of Σ_c log P(x_c | all other classes) (Besag 1975); of a model with several seeds,
    that of its first variant. No family fits its weights on the held-out images.

    Args:
        models: conditional models over the classes of ``data``, which do without object geometry.
        data: the training scenes that they were fitted on.

    Returns:
        The model, and a table with columns model, family, log_likelihood (nats an image), standard_error, images, the best
        model first.
    """
    presence = data.held_out_presence[:MAX_HELD_OUT]
    rows = []
    for model in models:
        odds = model.log_odds(presence)[0].astype(np.float64)
        likelihood = -np.logaddexp(0, np.where(presence > 0, -odds, odds)).sum(1)
        error = likelihood.std() / np.sqrt(max(len(likelihood), 1))
        rows.append((model.name, model.family, likelihood.mean(), error, len(likelihood)))
    columns = ["model", "family", "log_likelihood", "standard_error", "images"]
    table = pd.DataFrame(rows, columns=columns)
    order = np.argsort(-table["log_likelihood"].to_numpy(), kind="stable")
    best = models[order[0]]
    if len(models) > 1:
        value = table["log_likelihood"].iloc[order[0]]
        logger.info(f"{best.name} predicts held-out images best of {len(models)} models: {value:.3f} nats an image")
    return best, table.iloc[order].reset_index(drop=True)


def fit_best(data: TrainingData, threads: int = 1) -> tuple[ContextModel, Section, pd.DataFrame]:
    """Fit each of `QUICK_FAMILIES` with its default settings, and select one of them.

    Args:
        data: the training scenes.
        threads: processor cores to use; their number changes no result.

    Returns:
        The selected model, its settings, and the table of `select`.
    """
    settings = {name: registry.family(name).Settings(family=name) for name in QUICK_FAMILIES}
    models = [registry.fit(data, name, of_family, threads).model for name, of_family in settings.items()]
    best, table = select(models, data)
    return best, settings[best.name], table
