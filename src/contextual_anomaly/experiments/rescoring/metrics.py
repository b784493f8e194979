"""How well each method ranks: the detector alone, with class frequency, and with context in several ways.

Every figure comes with a 95 % interval over images, and so does its difference from the detector alone, in the same
resamples.
"""

import numpy as np
import pandas as pd

from contextual_anomaly.experiments.rescoring.average_precision import macro_average_precision, pooled_ranking
from contextual_anomaly.experiments.rescoring.box_precision import Matches
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking

DETECTOR = "detector"
"""The method that every other is compared with."""
COLUMNS = [
    "subject", "images_with", "method", "measure", "threshold", "value", "low", "high",
    "gain", "gain_low", "gain_high", "images",
]  # fmt: skip


def judge_presence(
    methods: dict[str, np.ndarray],
    annotated: np.ndarray,
    thresholds: list[float],
    least_classes: int,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Predictor class presence.

    Args:
        methods: name -> confidences [N, C], `DETECTOR` among them.
        annotated: [N, C] bool.
        thresholds: of the detector; every method's precision is read at the detector's own recall there.
        least_classes: judged once on every image, and once on those with so many annotated classes.

    Returns:
        `COLUMNS`: measure is macro_ap, micro_ap, aurc (area under the risk-coverage curve, smaller is better) or
        precision (with its threshold).
    """
    rows: list[dict] = []
    for least in dict.fromkeys((0, least_classes)):
        chosen = annotated.sum(1) >= least
        if not annotated[chosen].any():
            continue
        truth, scores = annotated[chosen], {name: score[chosen] for name, score in methods.items()}
        weights = Bootstrap(int(chosen.sum()), resamples, seed).weights_with_all
        about = {"subject": "presence", "images_with": least, "images": int(chosen.sum())}
        claim = np.nonzero(scores[DETECTOR] > min(thresholds))
        hits = {t: weights @ ((scores[DETECTOR] > t) & truth).sum(1).astype(np.float32) for t in thresholds}
        measured = {}
        for name, score in scores.items():
            pooled = pooled_ranking(score, truth, weights)
            values = {
                ("macro_ap", None): macro_average_precision(score, truth, weights),
                ("micro_ap", None): pooled.average_precision(),
                ("aurc", None): WeightedRanking(claim[0], score[claim], truth[claim], weights).area_under_risk(),
            }
            measured[name] = values | {("precision", t): pooled.precision_at_hits(h) for t, h in hits.items() if h[0]}
        rows += _rows(measured, about)
    return pd.DataFrame(rows, columns=COLUMNS)


def judge_boxes(
    methods: dict[str, pd.DataFrame],
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    image_ids: np.ndarray,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Predictor boxes by COCO's average precision.

    Args:
        methods: name -> columns of `tables.DETECTIONS`, `DETECTOR` among them.
        image_ids: of all images that the detector has run on.

    Returns:
        `COLUMNS`: measure is ap or ap50.
    """
    weights = Bootstrap(len(image_ids), resamples, seed).weights_with_all
    measured = {}
    for name, boxes in methods.items():
        ap, ap50 = Matches(annotations, categories, boxes, image_ids).average_precision(weights)
        measured[name] = {("ap", None): ap, ("ap50", np.nan): ap50}
    about = {"subject": "boxes", "images_with": 0, "images": len(image_ids)}
    return pd.DataFrame(_rows(measured, about), columns=COLUMNS)


def _rows(measured: dict[str, dict[tuple[str, float | None], np.ndarray]], about: dict) -> list[dict]:
    """A row for each method and measure, from its value on all images and in the resamples [1 + B]."""
    rows = []
    for measure, threshold in measured[DETECTOR]:
        alone = measured[DETECTOR][measure, threshold]
        for name, values in measured.items():
            value = values[measure, threshold]
            low, high = interval(value[1:])
            row = about | {"method": name, "measure": measure, "threshold": threshold}
            row |= {"value": value[0], "low": low, "high": high}
            if name != DETECTOR:
                gain = value - alone
                gain_low, gain_high = interval(gain[1:])
                row |= {"gain": gain[0], "gain_low": gain_low, "gain_high": gain_high}
            rows.append(row)
    return rows
