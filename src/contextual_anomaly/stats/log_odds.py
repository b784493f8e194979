"""Conversion between probabilities and log-odds."""

import numpy as np
from numpy.typing import ArrayLike

from contextual_anomaly.array_types import Float, Float64

EPS = 1e-4
"""Default distance that `logit` keeps from 0 and 1: no detector's score means anything closer to them."""


def logit(p: ArrayLike, eps: float = EPS) -> Float64[np.ndarray, "..."]:
    """Return log(p / (1 - p)) as float64.

    Args:
        p: probabilities, of any shape.
        eps: p is clipped to [eps, 1 - eps], so that the result is finite.
    """
    clipped = np.clip(np.asarray(p, np.float64), eps, 1 - eps)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def expit(log_odds: ArrayLike) -> Float64[np.ndarray, "..."]:
    """Return 1 / (1 + exp(-log_odds)) as float64, of the same shape."""
    return expit_in_place(np.array(log_odds, np.float64))


def expit_in_place(log_odds: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Replace log-odds by probabilities, in the array itself, and return it.

    NumPy's float32 exp is vectorised; SciPy's expit is not and takes five times as long.
    """
    np.negative(log_odds, out=log_odds)
    with np.errstate(over="ignore"):  # exp of a large number is inf, and 1 / inf is 0, as it should be
        np.exp(log_odds, out=log_odds)
    log_odds += 1
    return np.reciprocal(log_odds, out=log_odds)
