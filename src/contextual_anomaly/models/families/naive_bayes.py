"""Naive Bayes: given a class, all others are taken as independent of each other."""

from typing import Literal

import numpy as np

from contextual_anomaly.models.data import Fitted, TrainingData, log_odds_of_share
from contextual_anomaly.models.linear import Linear, load_linear
from contextual_anomaly.models.settings import Positive, Section


class Settings(Section):
    """Smoothing."""

    family: Literal["naive_bayes"]
    # Pseudo-count: number of images, distributed as if classes were independent, added to each count.
    smoothing: Positive = 10.0


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Count how often each pair of classes is present together.

    The log-odds of class c are log P(c) / P(not c) + Σ_j log P(x_j | c) / P(x_j | not c): linear in the presence.
    """
    presence = data.presence.astype(np.float64)
    images = len(presence)
    together = presence.T @ presence  # [C, C] images that have both
    alone = presence.sum(0)
    share = (alone + 0.5) / (images + 1)
    with_class = (together + settings.smoothing * share[:, None]) / (alone + settings.smoothing)  # P(j | c) at [j, c]
    without = (alone[:, None] - together + settings.smoothing * share[:, None]) / (images - alone + settings.smoothing)
    absent = np.log1p(-with_class) - np.log1p(-without)
    weights = np.log(with_class) - np.log(without) - absent
    np.fill_diagonal(weights, 0)
    np.fill_diagonal(absent, 0)
    bias = log_odds_of_share(data.presence) + absent.sum(0)
    return Fitted(Linear("naive_bayes", name, data.classes, bias, weights))


load = load_linear
