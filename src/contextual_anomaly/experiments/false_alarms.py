"""Whether the promised rate of false alarms holds behind a detector, on images that the calibration has not seen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.detection_calibration import (
    DetectedEvidence,
    DetectedScene,
    calibrate_detections,
    detected_evidence,
    score_curve,
)
from contextual_anomaly.models.score_curve import PRESENT, ScoreCurve
from contextual_anomaly.stats.folds import assign_folds

RATES = {"unexpected": (0.01, 0.02, 0.05, 0.1, 0.2), "missing": (0.001, 0.002, 0.005, 0.01, 0.02)}
"""Promised rates that are checked, by the kind of what is flagged."""


def false_alarms(
    model: ContextModel,
    bottleneck: int | None,
    scenes: Sequence[DetectedScene],
    minimum_classes: int,
    from_annotations: Calibration,
    n_folds: int,
    seed: int,
) -> pd.DataFrame:
    """Flag each part of the images by a calibration on the others, and count.

    Args:
        model: the model.
        bottleneck: of a sweep, the variant that stands for it.
        scenes: images that neither the model nor the detector was trained on.
        minimum_classes: images with fewer reported classes are left out.
        from_annotations: the model's calibration from annotations, which takes every object as certain.
        n_folds: parts of the images.
        seed: of the division into parts.

    Returns:
        kind ("unexpected": of the reported classes, "missing": of those of which nothing is seen); calibration
        ("detections" or "annotations"); among ("all", or "genuine": reported classes that are there, and unreported ones
        that are not); promised; cases and images; flagged, rate, and its 95 % interval low to high (Clopper and Pearson
        1934), which takes the cases as independent.
    """
    fold = assign_folds(len(scenes), n_folds, seed)
    counted = []
    for part in range(n_folds):
        others = [scene for scene, of in zip(scenes, fold, strict=True) if of != part]
        own = [scene for scene, of in zip(scenes, fold, strict=True) if of == part]
        curve = score_curve(others)
        calibration = calibrate_detections(model, bottleneck, others, minimum_classes, "", curve)
        evidence = detected_evidence(model, bottleneck, own, curve)
        counted += _counts("detections", calibration, evidence, minimum_classes)
        certain = detected_evidence(model, bottleneck, [_reported(scene, curve) for scene in own], None)
        counted += _counts("annotations", from_annotations, certain, minimum_classes)
    table = pd.DataFrame(counted)
    keys = ["kind", "calibration", "among", "promised"]
    table = table.groupby(keys, as_index=False, sort=False)[["cases", "images", "flagged"]].sum()
    intervals = [_clopper_pearson(k, n) for k, n in zip(table["flagged"], table["cases"], strict=True)]
    low, high = zip(*intervals, strict=True)
    return table.assign(rate=table["flagged"] / table["cases"].clip(lower=1), low=low, high=high)


def _counts(
    name: str, calibration: Calibration, evidence: DetectedEvidence, minimum_classes: int
) -> list[dict[str, object]]:
    """Return a row for each kind, set of cases and promised rate."""
    reported, unseen = evidence.judged(minimum_classes)
    rows = []
    for kind, judged, genuine in (
        ("unexpected", reported, evidence.annotated),
        ("missing", unseen, ~evidence.annotated),
    ):
        p_value = np.ones(judged.shape)
        p_value[judged] = getattr(calibration, kind)(evidence.log_odds[judged])
        for among, cases in (("all", judged), ("genuine", judged & genuine)):
            rows += [
                {
                    "kind": kind,
                    "calibration": name,
                    "among": among,
                    "promised": rate,
                    "cases": int(cases.sum()),
                    "images": int(cases.any(1).sum()),
                    "flagged": int((p_value[cases] <= rate).sum()),
                }
                for rate in RATES[kind]
            ]
    return rows


def _reported(scene: DetectedScene, curve: ScoreCurve) -> DetectedScene:
    """Return a scene with the objects that are more likely there than not."""
    kept = np.flatnonzero(curve.presence(scene.scores) >= PRESENT).tolist()
    return scene._replace(
        names=[scene.names[i] for i in kept],
        scores=[scene.scores[i] for i in kept],
        boxes=[scene.boxes[i] for i in kept],
    )


def _clopper_pearson(flagged: int, cases: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share."""
    if not cases:
        return 0.0, 1.0
    interval = binomtest(flagged, cases).proportion_ci(method="exact")
    return float(interval.low), float(interval.high)
