"""The detector alone and with context, compared on the same images: measures with paired intervals, and curves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.rescoring.box_rescoring import STEPS
from contextual_anomaly.experiments.rescoring.curves import precision_recall_curves, risk_coverage_curves
from contextual_anomaly.experiments.rescoring.detected_presence import parts
from contextual_anomaly.experiments.rescoring.metrics import COLUMNS, DETECTOR, box_metrics, presence_metrics


@dataclass(frozen=True)
class ComparisonResults:
    """What `run` returns."""

    metrics: pd.DataFrame
    """Columns `metrics.COLUMNS`, of classes of images and of boxes."""
    metrics_by_part: pd.DataFrame
    """The same with the column part, "unseen" or "seen" in training by the detector; no row where that is not known."""
    precision_recall: pd.DataFrame
    """Columns method, recall, precision, over all (image, class)."""
    risk_coverage: pd.DataFrame
    """Columns method, coverage, risk, over the detector's claims."""


def run(
    presence: pd.DataFrame,
    fused_boxes: pd.DataFrame,
    stepped_boxes: pd.DataFrame,
    image_ids: np.ndarray,
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    thresholds: list[float],
    minimum_classes: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
    unseen: np.ndarray | None = None,
) -> ComparisonResults:
    """Compare the methods that change a detector's scores with the detector alone.

    Args:
        presence: columns of `schemas.FUSED_PRESENCE`, of all images in ``image_ids`` and in their order.
        fused_boxes: columns of `schemas.RESCORED_BOXES`, by fusion.
        stepped_boxes: columns of `schemas.BOX_STEPS`.
        image_ids: [N] of the images that the detector has run on, ascending.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        thresholds: scores above which a detection counts.
        minimum_classes: presence is measured on all images, and on those with so many annotated classes.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.
        unseen: ids of the images that the detector was not trained on; None where that is not known.

    Raises:
        UserError: ``presence`` is of other images.
    """
    if not np.array_equal(presence["image_id"].unique(), image_ids):
        raise UserError("the fused probabilities are not of the images that the detector has run on. Run fuse again.")
    scores = {
        method: presence[column].to_numpy().reshape(len(image_ids), -1)
        for method, column in ((DETECTOR, "score"), ("calibrated", "calibrated"), ("fusion", "fused"))
    }
    annotated = presence["annotated"].to_numpy().reshape(len(image_ids), -1)
    boxes = {
        DETECTOR: fused_boxes,
        "fusion": fused_boxes.assign(score=fused_boxes["rescored"]),
        **{step: stepped_boxes.assign(score=stepped_boxes[step]).dropna(subset="score") for step in STEPS},
    }
    thresholds = sorted(set(thresholds))

    def measure(rows: np.ndarray) -> pd.DataFrame:
        """Return the measures on some images."""
        of_classes = {method: score[rows] for method, score in scores.items()}
        measured = [
            presence_metrics(of_classes, annotated[rows], thresholds, minimum_classes, n_resamples, seed),
            box_metrics(boxes, annotations, categories, image_ids[rows], n_resamples, seed),
        ]
        return pd.concat(measured, ignore_index=True)

    return ComparisonResults(
        measure(np.ones(len(image_ids), bool)),
        pd.concat(
            [
                pd.DataFrame(columns=[*COLUMNS, "part"]),
                *(measure(rows).assign(part=part) for part, rows in parts(image_ids, unseen).items()),
            ]
        ),
        precision_recall_curves(scores, annotated),
        risk_coverage_curves(scores, annotated, thresholds[0]),
    )
