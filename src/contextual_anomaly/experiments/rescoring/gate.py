"""The published gate, which lets context decide on weak detections, beside the detector alone at the same recall.

The gate keeps a class of an image where the detector's score is high, or where it exceeds a threshold and the context
model, given the detector's scores, expects the class. That raises precision and lowers recall, as a higher threshold does
by itself; so the precision of the detector alone at the gate's recall stands beside it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from contextual_anomaly.coco.links import explorer_links
from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.equal_recall import precision_gain
from contextual_anomaly.experiments.rescoring.detected_presence import DetectedPresence, parts
from contextual_anomaly.models.base import ContextModel, variant_index
from contextual_anomaly.stats.bootstrap import Bootstrap

GAINS = [
    "precision_gain_same_recall", "precision_gain_same_recall_low", "precision_gain_same_recall_high",
    "precision_gain_same_threshold", "precision_gain_same_threshold_low", "precision_gain_same_threshold_high",
]  # fmt: skip


@dataclass(frozen=True)
class GateInputs:
    """What the gate decides by, for N images and C classes, and the truth."""

    score: np.ndarray  # [N, C] the detector's largest score of each class
    probability: np.ndarray  # [N, C] by the context model, given the scores
    annotated: np.ndarray  # [N, C] bool


@dataclass(frozen=True)
class GateResults:
    """What `run` returns."""

    summary: pd.DataFrame
    """Columns of `summary`."""
    summary_by_part: pd.DataFrame
    """The same with the column part, "unseen" or "seen" in training by the detector; no row where that is not known."""
    trials: pd.DataFrame
    """Rows of `schemas.GATE_TRIALS`."""
    supported: pd.DataFrame
    """Columns of `context_supported_false_positives`."""
    supported_images: pd.DataFrame
    """The images of these at the lowest threshold: image_id, file_name, category, score, probability, link."""


def run(
    model: ContextModel,
    presence: DetectedPresence,
    images: pd.DataFrame,
    thresholds: list[float],
    bottleneck: int = 10,
    keep_above: float = 0.5,
    context_threshold: float = 0.1,
    minimum_classes: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
    unseen: np.ndarray | None = None,
) -> GateResults:
    """Apply the gate to a detector's scores.

    Args:
        model: the context model.
        presence: scores and annotations over the model's classes.
        images: columns of `tables.IMAGES`.
        thresholds: scores above which a detection counts.
        bottleneck: of a sweep, the variant to use.
        keep_above: a detection of a higher score is always kept.
        context_threshold: a weaker one is kept where the probability of its class is higher than this.
        minimum_classes: images of fewer annotated classes are left out.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.
        unseen: ids of the images that the detector was not trained on; None where that is not known.

    Raises:
        UserError: no image has enough annotated classes.
    """
    enough = presence.annotated.sum(1) >= minimum_classes
    if not enough.any():
        raise UserError(
            f"none of the {len(enough)} images that the detector has run on has {minimum_classes} or more annotated "
            "classes; lower rescoring.minimum_classes, or give more images."
        )
    presence, thresholds = presence.where(enough), sorted(set(thresholds))
    probability = model.predict_proba(presence.score)[variant_index(model, bottleneck)]
    inputs = GateInputs(presence.score, probability, presence.annotated)

    def measure(rows: np.ndarray) -> pd.DataFrame:
        """Return the summary of some images."""
        own = GateInputs(inputs.score[rows], inputs.probability[rows], inputs.annotated[rows])
        bootstrap = Bootstrap(int(rows.sum()), n_resamples, seed)
        return summary(own, thresholds, keep_above, context_threshold, bootstrap)

    overall = measure(np.ones(len(presence.image_ids), bool))
    of_parts = parts(presence.image_ids, unseen).items()
    return GateResults(
        summary=overall,
        summary_by_part=pd.concat(
            [overall[:0].assign(part=""), *(measure(rows).assign(part=p) for p, rows in of_parts)]
        ),
        trials=presence.cells(probability=probability),
        supported=context_supported_false_positives(inputs, thresholds, context_threshold),
        supported_images=_supported_images(inputs, presence, images, model.classes, thresholds[0], context_threshold),
    )


def summary(
    inputs: GateInputs, thresholds: list[float], keep_above: float, context_threshold: float, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return precision, recall, F1 and the confusion counts over all (image, class), for each threshold and method.

    Args:
        inputs: scores, probabilities and truth.
        thresholds: scores above which a detection counts.
        keep_above: the gate keeps detections of a higher score.
        context_threshold: the gate keeps a weaker one where the probability of its class is higher than this.
        bootstrap: over the N images.

    Returns:
        columns method, threshold, precision, recall (both with _low and _high), f1, tp, fp, fn, tn, matched_threshold,
        and `GAINS`. Methods are ``detector``, ``gate`` and ``detector_at_gate_recall``: the detector alone, at the highest
        threshold (``matched_threshold``) that reaches the gate's recall. The gains are of the gate's precision over the
        detector's, at equal recall and at equal threshold, with paired intervals.
    """
    rows = []
    expected = inputs.probability > context_threshold
    for threshold in thresholds:
        alone = inputs.score > threshold
        # Below the threshold nothing is kept, whatever its score: the published figures at 0.9 show that.
        gate = alone & ((inputs.score > keep_above) | expected)
        rows.append(_row("detector", threshold, alone, inputs.annotated, bootstrap))
        gains = (
            *precision_gain(inputs.score, inputs.annotated, gate, bootstrap),
            *_gain_same_threshold(gate, alone, inputs.annotated, bootstrap),
        )
        of_gate = _row("gate", threshold, gate, inputs.annotated, bootstrap)
        rows.append(of_gate | dict(zip(GAINS, gains, strict=True)))
        matched = _threshold_of_recall(inputs, gate)
        equal = _row("detector_at_gate_recall", threshold, inputs.score >= matched, inputs.annotated, bootstrap)
        rows.append(equal | {"matched_threshold": matched})
    return pd.DataFrame(rows, columns=[*rows[0], "matched_threshold", *GAINS])


def _gain_same_threshold(
    gate: np.ndarray, alone: np.ndarray, annotated: np.ndarray, bootstrap: Bootstrap
) -> tuple[float, float, float]:
    """Return what the gate adds to precision at the same threshold, which is all that was published."""
    low, high = bootstrap.of_difference(
        (gate & annotated).sum(1), gate.sum(1), (alone & annotated).sum(1), alone.sum(1)
    )
    return _share(gate & annotated, gate) - _share(alone & annotated, alone), low, high


def _threshold_of_recall(inputs: GateInputs, gate: np.ndarray) -> float:
    """Return the highest threshold at which the detector alone recalls as much as ``gate``."""
    wanted = (gate & inputs.annotated).sum() / max(inputs.annotated.sum(), 1)
    _, recall, threshold = precision_recall_curve(inputs.annotated.ravel(), inputs.score.ravel())
    return float(threshold[np.flatnonzero(recall[:-1] >= wanted - 1e-12)[-1]])


def _row(method: str, threshold: float, kept: np.ndarray, annotated: np.ndarray, bootstrap: Bootstrap) -> dict:
    tp, fp = kept & annotated, kept & ~annotated
    fn, tn = ~kept & annotated, ~kept & ~annotated
    found = tp.sum(1)
    precision_low, precision_high = bootstrap.of_share(found, kept.sum(1))
    recall_low, recall_high = bootstrap.of_share(found, annotated.sum(1))
    return {
        "method": method,
        "threshold": threshold,
        "precision": _share(tp, kept),
        "precision_low": precision_low,
        "precision_high": precision_high,
        "recall": _share(tp, annotated),
        "recall_low": recall_low,
        "recall_high": recall_high,
        "f1": 2 * tp.sum() / max(kept.sum() + annotated.sum(), 1),
        "tp": tp.sum(),
        "fp": fp.sum(),
        "fn": fn.sum(),
        "tn": tn.sum(),
    }


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return part.sum() / whole.sum() if whole.any() else np.nan


def context_supported_false_positives(
    inputs: GateInputs, thresholds: list[float], context_threshold: float
) -> pd.DataFrame:
    """Return how many detections of classes that are not annotated the context model expects as well.

    Args:
        inputs: scores, probabilities and truth.
        thresholds: scores above which a detection counts.
        context_threshold: a class of a higher probability is expected.

    Returns:
        columns threshold, unannotated (detections above it), supported (the expected ones among these), share.
    """
    unannotated = [(inputs.score > t) & ~inputs.annotated for t in thresholds]
    supported = [u & (inputs.probability > context_threshold) for u in unannotated]
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "unannotated": [u.sum() for u in unannotated],
            "supported": [s.sum() for s in supported],
            "share": [_share(s, u) for s, u in zip(supported, unannotated, strict=True)],
        }
    )


def supported_cells(inputs: GateInputs, threshold: float, context_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the (image, class) indices that detector and context support against the annotations.

    Those of the largest product of score and probability come first.
    """
    supported = (inputs.score > threshold) & ~inputs.annotated & (inputs.probability > context_threshold)
    image, column = np.nonzero(supported)
    order = np.argsort(-(inputs.score * inputs.probability)[image, column], kind="stable")
    return image[order], column[order]


def _supported_images(
    inputs: GateInputs,
    presence: DetectedPresence,
    images: pd.DataFrame,
    classes: tuple[str, ...],
    threshold: float,
    context_threshold: float,
) -> pd.DataFrame:
    image, column = supported_cells(inputs, threshold, context_threshold)
    about = images.set_index("image_id").loc[presence.image_ids[image]]
    return pd.DataFrame(
        {
            "image_id": about.index,
            "file_name": about["file_name"].to_numpy(),
            "category": np.array(classes)[column],
            "score": inputs.score[image, column],
            "probability": inputs.probability[image, column],
            "link": explorer_links(about.index, about["coco_url"].fillna("")),
        }
    )
