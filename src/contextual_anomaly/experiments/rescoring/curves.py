"""Precision-recall and risk-coverage curves of each method, thinned to what a figure can show.

Risk-coverage curves tell what share of a detector's most trusted claims is wrong. A claim is an (image, class) whose score
exceeds a smallest threshold. Methods order the same claims differently, so that neither a threshold nor a calibration
decides (El-Yaniv and Wiener 2010). The area under such a curve is `stats.ranking.WeightedRanking.area_under_risk`.
"""

import numpy as np
import pandas as pd

from contextual_anomaly.experiments.rescoring.metrics import DETECTOR
from contextual_anomaly.stats.weighted_counts import groups_of_equal_scores

POINTS = 200
"""At most so many points of a curve are kept, at equal distances along its first axis."""


def precision_recall_curves(methods: dict[str, np.ndarray], annotated: np.ndarray) -> pd.DataFrame:
    """Return precision against recall over all (image, class) pairs.

    Args:
        methods: name -> scores [N, C].
        annotated: [N, C] bool.

    Returns:
        columns method, recall, precision.
    """
    parts = []
    for name, score in methods.items():
        order, ends = groups_of_equal_scores(score.ravel())
        true = annotated.ravel()[order].cumsum()[ends]
        parts.append(_thinned(name, recall=true / max(annotated.sum(), 1), precision=true / (ends + 1)))
    return pd.concat(parts, ignore_index=True)


def risk_coverage_curves(
    methods: dict[str, np.ndarray], annotated: np.ndarray, smallest_threshold: float
) -> pd.DataFrame:
    """Return risk against coverage over the claims of the detector.

    Args:
        methods: name -> scores [N, C], `DETECTOR` among them.
        annotated: [N, C] bool.
        smallest_threshold: a claim is what the detector gives a higher score.

    Returns:
        columns method, coverage, risk; no row where the detector claims nothing.
    """
    claimed = methods[DETECTOR] > smallest_threshold
    parts = [pd.DataFrame(columns=["method", "coverage", "risk"])]
    if claimed.any():
        for name, score in methods.items():
            coverage, risk = risk_coverage(score[claimed], annotated[claimed])
            parts.append(_thinned(name, coverage=coverage, risk=risk))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def risk_coverage(score: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coverage and risk after each group of equally trusted claims, of score and correct [K]."""
    order, ends = groups_of_equal_scores(score)
    return (ends + 1) / len(score), 1 - correct[order].cumsum()[ends] / (ends + 1)


def _thinned(method: str, **axes: np.ndarray) -> pd.DataFrame:
    x = next(iter(axes.values()))
    at = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], POINTS)))
    return pd.DataFrame({"method": method} | {name: values[at] for name, values in axes.items()})
