"""The published gate: context judges weak detections, and is compared with the detector at the same recall.

The gate keeps a class of an image where the detector is sure of it, or where it is above a threshold and the context
model, fed with the detector's confidences, expects it. That raises precision and lowers recall, as a stricter threshold
does by itself; so the detector's own precision at the gate's recall stands beside it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from contextual_anomaly.experiments.equal_recall import precision_gain
from contextual_anomaly.stats.bootstrap import Bootstrap


@dataclass(frozen=True)
class Rescored:
    """N images over the C classes of the context model."""

    score: np.ndarray  # [N, C] the detector's largest confidence of each class
    probability: np.ndarray  # [N, C] what the context model expects, given the scores
    annotated: np.ndarray  # [N, C] bool


def summary(
    rescored: Rescored, thresholds: list[float], keep_above: float, context_threshold: float, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Precision, recall, F1 and the confusion counts over all (image, class), for each threshold and method.

    Returns:
        columns method (detector, gate, detector_at_gate_recall), threshold, precision, precision_low, precision_high,
        recall, recall_low, recall_high, f1, tp, fp, fn, tn, matched_threshold, precision_gain_same_recall, precision_gain_same_recall_low,
        precision_gain_same_recall_high, precision_gain_same_threshold, precision_gain_same_threshold_low,
        precision_gain_same_threshold_high.
        In the third method the detector's own threshold is the strictest that reaches the gate's recall, which is its cut.
        The gate's gain is its precision minus the detector's at the same recall, its rise minus the detector's at the
        same threshold, both with a paired interval.
    """
    rows = []
    expected = rescored.probability > context_threshold
    for threshold in thresholds:
        alone = rescored.score > threshold
        # Below the threshold nothing is kept, however sure: the published figures at 0.9 show that.
        gate = alone & ((rescored.score > keep_above) | expected)
        rows.append(_row("detector", threshold, alone, rescored.annotated, bootstrap))
        gain = precision_gain(rescored.score, rescored.annotated, gate, bootstrap)
        gains = dict(
            zip(
                ("precision_gain_same_recall", "precision_gain_same_recall_low", "precision_gain_same_recall_high"),
                gain,
                strict=True,
            )
        )
        of_gate = _row("gate", threshold, gate, rescored.annotated, bootstrap)
        rows.append(of_gate | gains | _rise(gate, alone, rescored.annotated, bootstrap))
        cut = _threshold_of_recall(rescored, gate)
        equal = _row("detector_at_gate_recall", threshold, rescored.score >= cut, rescored.annotated, bootstrap)
        rows.append(equal | {"matched_threshold": cut})
    return pd.DataFrame(
        rows,
        columns=[
            *rows[0],
            "matched_threshold",
            "precision_gain_same_recall",
            "precision_gain_same_recall_low",
            "precision_gain_same_recall_high",
            "precision_gain_same_threshold",
            "precision_gain_same_threshold_low",
            "precision_gain_same_threshold_high",
        ],
    )


def _rise(gate: np.ndarray, alone: np.ndarray, annotated: np.ndarray, bootstrap: Bootstrap) -> dict:
    """What the gate does to precision at the same threshold, which is all that was published."""
    low, high = bootstrap.of_difference(
        (gate & annotated).sum(1), gate.sum(1), (alone & annotated).sum(1), alone.sum(1)
    )
    return {
        "precision_gain_same_threshold": _share(gate & annotated, gate) - _share(alone & annotated, alone),
        "precision_gain_same_threshold_low": low,
        "precision_gain_same_threshold_high": high,
    }


def _threshold_of_recall(rescored: Rescored, gate: np.ndarray) -> float:
    """The strictest confidence at which the detector alone recalls as much as ``gate``."""
    wanted = (gate & rescored.annotated).sum() / max(rescored.annotated.sum(), 1)
    _, recall, threshold = precision_recall_curve(rescored.annotated.ravel(), rescored.score.ravel())
    return threshold[np.flatnonzero(recall[:-1] >= wanted - 1e-12)[-1]]


def _row(method: str, threshold: float, kept: np.ndarray, annotated: np.ndarray, bootstrap: Bootstrap) -> dict:
    tp, fp = kept & annotated, kept & ~annotated
    fn, tn = ~kept & annotated, ~kept & ~annotated
    found = tp.sum(1)
    precision, recall = _share(tp, kept), _share(tp, annotated)
    precision_interval = bootstrap.of_share(found, kept.sum(1))
    recall_interval = bootstrap.of_share(found, annotated.sum(1))
    return {
        "method": method,
        "threshold": threshold,
        "precision": precision,
        "precision_low": precision_interval[0],
        "precision_high": precision_interval[1],
        "recall": recall,
        "recall_low": recall_interval[0],
        "recall_high": recall_interval[1],
        "f1": 2 * tp.sum() / max(kept.sum() + annotated.sum(), 1),
        "tp": tp.sum(),
        "fp": fp.sum(),
        "fn": fn.sum(),
        "tn": tn.sum(),
    }


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return part.sum() / whole.sum() if whole.any() else np.nan


def context_supported_false_positives(
    rescored: Rescored, thresholds: list[float], context_threshold: float
) -> pd.DataFrame:
    """Of the detections of classes that are not annotated, how many does the context model expect as well?

    Returns:
        columns threshold, unannotated (detections above it), agreed (of these, expected above ``context_threshold``),
        share.
    """
    unannotated = [(rescored.score > t) & ~rescored.annotated for t in thresholds]
    agreed = [u & (rescored.probability > context_threshold) for u in unannotated]
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "unannotated": [u.sum() for u in unannotated],
            "supported": [a.sum() for a in agreed],
            "share": [_share(a, u) for a, u in zip(agreed, unannotated, strict=True)],
        }
    )


def supported_cells(rescored: Rescored, threshold: float, context_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """(image, class) indices that detector and context agree on against the annotations, the likeliest first."""
    agreed = (rescored.score > threshold) & ~rescored.annotated & (rescored.probability > context_threshold)
    image, column = np.nonzero(agreed)
    order = np.argsort(-(rescored.score * rescored.probability)[image, column], kind="stable")
    return image[order], column[order]
