"""Risk against coverage: of the detector's claims, what share is wrong among those that are trusted most.

A claim is an (image, class) that the detector gives more than a smallest confidence. Arms trust the same claims in
different orders, so that neither a threshold nor a calibration decides (El-Yaniv and Wiener 2010).
"""

import numpy as np

from contextual_anomaly.stats.weighted_counts import by_falling_score, weighted_cumulative_counts


def risk_coverage(score: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk after each group of equally trusted claims, of score and right [K]."""
    order, ends = by_falling_score(score)
    return (ends + 1) / len(score), 1 - right[order].cumsum()[ends] / (ends + 1)


def area_under_risk(image: np.ndarray, score: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[B] mean risk over all coverages, NaN without a claim, with ``weights`` [B, N] of the images.

    Args:
        image: [K] of each claim.
        score: [K], higher where trusted more.
        right: [K] bool.
    """
    if not len(score):
        return np.full(len(weights), np.nan)
    order, ends = by_falling_score(score)
    image, right = image[order], right[order]
    taken = weighted_cumulative_counts(image, ends, weights)
    # Wrong ones before a group's end are places among the wrong ones alone.
    wrong = weighted_cumulative_counts(image[~right], (~right).cumsum()[ends] - 1, weights)
    risk = wrong / np.maximum(taken, 1)
    return (risk * np.diff(taken, axis=1, prepend=0)).sum(1) / np.maximum(taken[:, -1], 1)
