"""Infer which class was added to a scene, or removed from it, if any: Bayes' rule applied to leave-one-out odds.

With π_c = P(class c present | every other class), a scene s and the same scene without its class c have probabilities in
the ratio π_c to 1 - π_c. So P(s was s - c, and c was added) ∝ (1 - π_c) / π_c / (a + 1) over the present classes, where s
has a absent classes and one of the a + 1 classes absent before was added; P(s was s + c, and c was removed) ∝
π_c / (1 - π_c) / (n + 1) over the absent ones, where n are present; against 1 for an unchanged scene, each times its prior.
"""

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Shaped


def added(
    log_odds: Float[np.ndarray, "N C"], presence: Shaped[np.ndarray, "N C"], clean_share: float
) -> tuple[Float[np.ndarray, "N C"], Float[np.ndarray, " N"]]:
    """Return P(class c was added | scene).

    Args:
        log_odds: [N, C] log π / (1 - π) of each class given the others.
        presence: [N, C], 0 or 1.
        clean_share: prior probability that nothing was added, 0 to 1.

    Returns:
        [N, C], 0 where c is absent, and [N] that nothing was added. They sum to 1.
    """
    return _posterior(-np.asarray(log_odds, np.float64), presence > 0, clean_share)


def removed(
    log_odds: Float[np.ndarray, "N C"], presence: Shaped[np.ndarray, "N C"], clean_share: float
) -> tuple[Float[np.ndarray, "N C"], Float[np.ndarray, " N"]]:
    """Return P(class c was removed | scene).

    Args:
        log_odds: [N, C] log π / (1 - π) of each class given the others.
        presence: [N, C], 0 or 1.
        clean_share: prior probability that nothing was removed, 0 to 1.

    Returns:
        [N, C], 0 where c is present, and [N] that nothing was removed. They sum to 1.
    """
    return _posterior(np.asarray(log_odds, np.float64), presence == 0, clean_share)


def _posterior(
    log_ratio: Float[np.ndarray, "N C"], candidate: Bool[np.ndarray, "N C"], clean_share: float
) -> tuple[Float[np.ndarray, "N C"], Float[np.ndarray, " N"]]:
    ways = (~candidate).sum(1, keepdims=True) + 1  # classes that may have been changed, in the scene before
    with np.errstate(divide="ignore"):
        changed = np.where(candidate, log_ratio - np.log(ways) + np.log(1 - clean_share), -np.inf)
        weights = np.column_stack([changed, np.full(len(changed), np.log(clean_share))])
    largest = weights.max(1, keepdims=True)
    weights = np.exp(weights - np.where(np.isfinite(largest), largest, 0))
    share = weights / np.maximum(weights.sum(1, keepdims=True), np.finfo(float).tiny)
    return share[:, :-1], share[:, -1]
