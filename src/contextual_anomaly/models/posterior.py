"""Which class was added to a scene, or taken out, if any: Bayes' rule from leave-one-out odds.

With π_c = P(class c present | every other class), a scene s and the same scene without its class c are as likely as π_c to
1 - π_c. So P(s was s - c, and c was added) ∝ (1 - π_c) / π_c / (a + 1) over the present classes, where a is the number
of absent ones of s and one of the a + 1 absent before was added; P(s was s + c, and c was taken out) ∝ π_c / (1 - π_c) /
(n + 1) over the absent ones, where n are present; against 1 for a scene that is as it was, each times its prior.
"""

import numpy as np


def added(log_odds: np.ndarray, presence: np.ndarray, clean_share: float) -> tuple[np.ndarray, np.ndarray]:
    """P(class c was added | scene).

    Args:
        log_odds: [N, C] log π / (1 - π) of each class given the others.
        presence: [N, C] of 0 and 1.
        clean_share: of all scenes, before looking at them, those that nothing was added to; 0 to 1.

    Returns:
        [N, C], 0 where c is absent, and [N] that nothing was added. They sum to 1.
    """
    return _posterior(-np.asarray(log_odds, np.float64), presence > 0, clean_share)


def removed(log_odds: np.ndarray, presence: np.ndarray, clean_share: float) -> tuple[np.ndarray, np.ndarray]:
    """P(class c was taken out | scene): [N, C], 0 where c is present, and [N] that none was. Arguments as of `added`."""
    return _posterior(np.asarray(log_odds, np.float64), presence == 0, clean_share)


def _posterior(log_ratio: np.ndarray, candidate: np.ndarray, clean_share: float) -> tuple[np.ndarray, np.ndarray]:
    ways = (~candidate).sum(1, keepdims=True) + 1  # classes that it might have been, in the scene as it was
    with np.errstate(divide="ignore"):
        changed = np.where(candidate, log_ratio - np.log(ways) + np.log(1 - clean_share), -np.inf)
        weights = np.column_stack([changed, np.full(len(changed), np.log(clean_share))])
    largest = weights.max(1, keepdims=True)
    weights = np.exp(weights - np.where(np.isfinite(largest), largest, 0))
    share = weights / np.maximum(weights.sum(1, keepdims=True), np.finfo(float).tiny)
    return share[:, :-1], share[:, -1]
