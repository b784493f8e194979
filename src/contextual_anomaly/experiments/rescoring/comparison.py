"""The detector alone and with context, compared on the same images: measures with paired intervals, and curves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.rescoring.curves import precision_recall_curves, risk_coverage_curves
from contextual_anomaly.experiments.rescoring.metrics import DETECTOR, box_metrics, presence_metrics


@dataclass(frozen=True)
class ComparisonResults:
    """What `run` returns."""

    metrics: pd.DataFrame
    """Columns `metrics.COLUMNS`, of classes of images and of boxes."""
    precision_recall: pd.DataFrame
    """Columns method, recall, precision, over all (image, class)."""
    risk_coverage: pd.DataFrame
    """Columns method, coverage, risk, over the detector's claims."""


def run(
    presence: pd.DataFrame,
    fused_boxes: pd.DataFrame,
    network_boxes: pd.DataFrame,
    image_ids: np.ndarray,
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    thresholds: list[float],
    minimum_classes: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
) -> ComparisonResults:
    """Compare the methods that change a detector's scores with the detector alone.

    Args:
        presence: columns of `schemas.FUSED_PRESENCE`, of all images in ``image_ids`` and in their order.
        fused_boxes: columns of `schemas.RESCORED_BOXES`, by fusion.
        network_boxes: columns of `schemas.RESCORED_BOXES`, by the network over all boxes.
        image_ids: [N] of the images that the detector has run on, ascending.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        thresholds: scores above which a detection counts.
        minimum_classes: presence is measured on all images, and on those with so many annotated classes.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.

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
        "network": network_boxes.assign(score=network_boxes["rescored"]),
    }
    thresholds = sorted(set(thresholds))
    measured = [
        presence_metrics(scores, annotated, thresholds, minimum_classes, n_resamples, seed),
        box_metrics(boxes, annotations, categories, image_ids, n_resamples, seed),
    ]
    return ComparisonResults(
        pd.concat(measured, ignore_index=True),
        precision_recall_curves(scores, annotated),
        risk_coverage_curves(scores, annotated, thresholds[0]),
    )
