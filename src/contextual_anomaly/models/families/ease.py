"""EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): ridge regression of each class on the others."""

from typing import Literal

import numpy as np

from contextual_anomaly.models.data import Fitted, TrainingData, log_odds_of_share
from contextual_anomaly.models.linear import Linear, load_linear
from contextual_anomaly.models.settings import Positive, Section


class Settings(Section):
    """The ridge."""

    family: Literal["ease"]
    # λ: images' worth of weight that pulls every coefficient to 0.
    ridge: Positive = 1000.0


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """The closed form B = I - P / diag(P), P = (XᵀX + λI)⁻¹, whose diagonal is zero; then probabilities from its scores.

    A score is no probability: a logistic regression on the held-out images (Platt scaling), of the score and of the
    log-odds of the class's frequency, makes it one.
    """
    from sklearn.linear_model import LogisticRegression

    presence = data.presence.astype(np.float64)
    precision = np.linalg.inv(presence.T @ presence + settings.ridge * np.eye(presence.shape[1]))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    frequency = log_odds_of_share(data.presence)
    held_out = data.held_out_presence
    score = held_out @ weights
    inputs = np.column_stack([score.ravel(), np.broadcast_to(frequency, score.shape).ravel()])
    scaling = LogisticRegression(C=np.inf).fit(inputs, held_out.ravel() > 0)
    of_score, of_frequency = scaling.coef_[0]
    bias = scaling.intercept_[0] + of_frequency * frequency
    return Fitted(Linear("ease", name, data.classes, bias, of_score * weights))


load = load_linear
