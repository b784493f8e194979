"""Curves of each method, thinned to what a figure can show."""

import numpy as np
import pandas as pd

from contextual_anomaly.experiments.rescoring.evaluation import DETECTOR
from contextual_anomaly.experiments.rescoring.risk_coverage import risk_coverage
from contextual_anomaly.stats.weighted_counts import groups_of_equal_scores

POINTS = 200


def curves_of(methods: dict[str, np.ndarray], annotated: np.ndarray, thresholds: list[float]) -> pd.DataFrame:
    """Precision against recall over all (image, class), and risk against coverage over the detector's claims.

    Args:
        methods: name -> confidences [N, C], `DETECTOR` among them.
        annotated: [N, C] bool.
        thresholds: a claim is what the detector gives more than the smallest of them.

    Returns:
        columns curve (precision or risk), method, x (recall or coverage), y.
    """
    claimed = methods[DETECTOR] > min(thresholds)
    parts = []
    for name, score in methods.items():
        order, ends = groups_of_equal_scores(score.ravel())
        true = annotated.ravel()[order].cumsum()[ends]
        parts.append(_thinned("precision", name, true / max(annotated.sum(), 1), true / (ends + 1)))
        if claimed.any():
            parts.append(_thinned("risk", name, *risk_coverage(score[claimed], annotated[claimed])))
    return pd.concat(parts, ignore_index=True)


def _thinned(curve: str, method: str, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    at = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], POINTS)))
    return pd.DataFrame({"curve": curve, "method": method, "x": x[at], "y": y[at]})
