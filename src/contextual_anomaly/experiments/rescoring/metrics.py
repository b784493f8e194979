"""How well each method ranks: the detector alone, with class frequency, and with context in several ways.

Every figure comes with a 95 % interval over images, and so does its difference from the detector alone, in the same
resamples.
"""

import numpy as np
import pandas as pd

from contextual_anomaly.experiments.rescoring.average_precision import macro_average_precision, pooled_ranking
from contextual_anomaly.experiments.rescoring.box_matches import BoxMatcher
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking

DETECTOR = "detector"
"""The method with which every other is compared."""
COLUMNS = [
    "subject", "images_with", "method", "measure", "threshold", "value", "low", "high",
    "gain", "gain_low", "gain_high", "images",
]  # fmt: skip


def presence_metrics(
    methods: dict[str, np.ndarray],
    annotated: np.ndarray,
    thresholds: list[float],
    minimum_classes: int,
    n_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Measure how well each method ranks the classes of images.

    Args:
        methods: name -> scores [N, C], `DETECTOR` among them.
        annotated: [N, C] bool.
        thresholds: of the detector; every method's precision is read at the detector's own recall there.
        minimum_classes: everything is measured on all images, and on those with so many annotated classes.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.

    Returns:
        `COLUMNS`: measure is macro_ap, micro_ap, aurc (area under the risk-coverage curve, smaller is better) or
        precision (with its threshold).
    """
    rows: list[dict] = []
    for minimum in dict.fromkeys((0, minimum_classes)):
        chosen = annotated.sum(1) >= minimum
        if not annotated[chosen].any():
            continue
        truth, scores = annotated[chosen], {name: score[chosen] for name, score in methods.items()}
        weights = Bootstrap(int(chosen.sum()), n_resamples, seed).weights_with_all
        about = {"subject": "presence", "images_with": minimum, "images": int(chosen.sum())}
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
    return pd.DataFrame(rows, columns=COLUMNS).astype({"threshold": float})


def box_metrics(
    methods: dict[str, pd.DataFrame],
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    image_ids: np.ndarray,
    n_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Measure how well each method ranks boxes, by COCO's average precision.

    Args:
        methods: name -> columns of `tables.DETECTIONS`, `DETECTOR` among them.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        image_ids: of all images that the detector has run on.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.

    Returns:
        `COLUMNS`: measure is ap or ap50.
    """
    weights = Bootstrap(len(image_ids), n_resamples, seed).weights_with_all
    matcher = BoxMatcher(annotations, categories, image_ids)
    measured = {}
    for name, boxes in methods.items():
        ap, ap50 = matcher.match(boxes).average_precision(weights)
        measured[name] = {("ap", None): ap, ("ap50", None): ap50}
    about = {"subject": "boxes", "images_with": 0, "images": len(image_ids)}
    return pd.DataFrame(_rows(measured, about), columns=COLUMNS).astype({"threshold": float})


def _rows(measured: dict[str, dict[tuple[str, float | None], np.ndarray]], about: dict) -> list[dict]:
    """Return a row for each method and measure, from its value on all images and in the resamples [1 + B]."""
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
