"""EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): ridge regression of each class on the others."""

from typing import Literal

import numpy as np

from contextual_anomaly.models.data import Fitted, TrainingData, log_odds_of_share
from contextual_anomaly.models.linear import Linear, load_linear
from contextual_anomaly.models.settings import Positive, Section


class Settings(Section):
    """The ridge."""

    family: Literal["ease"]
    # λ: strength of the squared penalty, in images; it pulls every coefficient to 0.
    ridge: Positive = 1000.0


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Solve the regression in closed form, and turn its scores into probabilities.

    B = I - P / diag(P) with P = (XᵀX + λI)⁻¹ has a diagonal of zeros. Its scores are no probabilities: a logistic
    regression on the held-out images (Platt scaling) maps them to probabilities and keeps their order.
    """
    from sklearn.linear_model import LogisticRegression

    presence = data.presence.astype(np.float64)
    precision = np.linalg.inv(presence.T @ presence + settings.ridge * np.eye(presence.shape[1]))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    held_out = data.held_out_presence
    if len(np.unique(held_out)) < 2:  # every class in every image, or none in any: nothing to scale by
        return Fitted(Linear("ease", name, data.classes, log_odds_of_share(presence), np.zeros_like(weights)))
    scaling = LogisticRegression(C=np.inf).fit((held_out @ weights).reshape(-1, 1), held_out.ravel() > 0)
    bias = np.full(len(data.classes), scaling.intercept_[0])
    return Fitted(Linear("ease", name, data.classes, bias, scaling.coef_[0, 0] * weights))


load = load_linear
