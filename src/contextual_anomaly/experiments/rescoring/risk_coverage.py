"""Risk against coverage: what share of the detector's most trusted claims is wrong.

A claim is an (image, class) whose score exceeds a smallest threshold. Methods order the same claims differently, so that
neither a threshold nor a calibration decides (El-Yaniv and Wiener 2010). The area under the curve is
`stats.ranking.WeightedRanking.area_under_risk`.
"""

import numpy as np

from contextual_anomaly.stats.weighted_counts import groups_of_equal_scores


def risk_coverage(score: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coverage and risk after each group of equally trusted claims, of score and correct [K]."""
    order, ends = groups_of_equal_scores(score)
    return (ends + 1) / len(score), 1 - correct[order].cumsum()[ends] / (ends + 1)
