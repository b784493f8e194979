"""Whether a model's answers are probabilities: pseudo-likelihood, calibration, realised rates of conformal p-values.

All are measured on unchanged scenes, each class given all the others.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contextual_anomaly.array_types import Float
from contextual_anomaly.experiments.summary import Measure
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.log_odds import expit

RATES = {"unexpected": (0.01, 0.05, 0.10, 0.20), "missing": (0.0005, 0.001, 0.01)}
"""Nominal rates of false alarms; a scene has some seventy absent classes, so that the rates of these are smaller."""

EDGES = np.array([0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1])
"""Bins of the probability: narrow where most classes are, near 0."""


def pseudo_log_likelihood(
    log_odds: Float[np.ndarray, "N C"], presence: Float[np.ndarray, "N C"]
) -> Float[np.ndarray, " N"]:
    """Return Σ_c log P(x_c | all other classes) of each scene [N], in nats, from log-odds [N, C] (Besag 1975)."""
    log_odds = np.asarray(log_odds, np.float64)
    return -np.logaddexp(0, np.where(presence > 0, -log_odds, log_odds)).sum(1)


def calibration_curve(log_odds: Float[np.ndarray, "N C"], presence: Float[np.ndarray, "N C"]) -> pd.DataFrame:
    """Return how often classes of some probability are present.

    Args:
        log_odds: [N, C].
        presence: [N, C] 0 or 1.

    Returns:
        columns low, high (bounds of the bin), probability (mean), present (share), pairs (image, class), of each bin that
        has any.
    """
    probability = expit(log_odds)
    bins = np.clip(np.searchsorted(EDGES, probability, side="right") - 1, 0, len(EDGES) - 2).ravel()
    sums = [
        np.bincount(bins, what, len(EDGES) - 1) for what in (np.ones(bins.size), probability.ravel(), presence.ravel())
    ]
    there = sums[0] > 0
    pairs, total, present = (part[there] for part in sums)
    return pd.DataFrame(
        {
            "low": EDGES[:-1][there],
            "high": EDGES[1:][there],
            "probability": total / pairs,
            "present": present / pairs,
            "pairs": pairs.astype(np.int64),
        }
    )


def calibration_error(curve: pd.DataFrame) -> float:
    """Return the mean distance of probability and share over the bins, weighted by pairs (Naeini et al. 2015)."""
    return float(np.average((curve["probability"] - curve["present"]).abs(), weights=curve["pairs"]))


def measure(
    log_odds: Float[np.ndarray, "N C"],
    presence: Float[np.ndarray, "N C"],
    calibration: Calibration | None,
    variant: int,
    bootstrap: Bootstrap,
) -> Iterator[Measure]:
    """Yield the figures of one variant.

    Args:
        log_odds: [N, C] of unchanged scenes.
        presence: [N, C] 0 or 1, the scenes.
        calibration: of this variant; None leaves the conformal rates out.
        variant: its index.
        bootstrap: over the N images.
    """
    images = np.arange(len(presence))
    within = {"trials": presence.size, "images": len(presence)}

    def mean(metric: str, sums: np.ndarray, of: np.ndarray) -> Measure:
        value = sums.sum() / of.sum()
        return Measure("scenes", variant, metric, float(value), *bootstrap.of_share(sums, of), **within)

    likelihood = pseudo_log_likelihood(log_odds, presence)
    yield mean("pseudo_log_likelihood", likelihood, np.ones(len(images)))
    probability = expit(log_odds)
    yield mean("brier_score", ((probability - presence) ** 2).sum(1), np.full(len(images), presence.shape[1]))
    error = calibration_error(calibration_curve(log_odds, presence))
    yield Measure("scenes", variant, "calibration_error", error, np.nan, np.nan, **within)
    if calibration is None:
        return
    there = presence > 0
    p_values = {
        "unexpected": np.where(there, calibration.unexpected(log_odds), np.inf),
        "missing": np.where(there, np.inf, calibration.missing(log_odds)),
    }
    for kind, rates in RATES.items():
        of = (there if kind == "unexpected" else ~there).sum(1).astype(float)
        for rate in rates:
            flagged = (p_values[kind] <= rate).sum(1).astype(float)
            yield mean(f"{kind}_rate_at_{rate:g}", flagged, of)
