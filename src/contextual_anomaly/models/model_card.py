"""The card of a packaged model, put together from what the stages have measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contextual_anomaly import __version__
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.runtime.atomic import digest
from contextual_anomaly.scenes import Scenes

FIGURES = (
    ("inject_uniform", "recall_at_1", "an added class is ranked first"),
    ("inject_uniform", "auroc", "AUROC of added classes"),
    ("inject_uniform", "fpr_at_95_tpr", "false positive rate where 95 % of added classes are found"),
    ("inject_matched", "recall_at_1", "a class added as often as it occurs is ranked first"),
    ("remove", "recall_at_1_per_image", "a removed class is ranked first"),
    ("remove", "recall_at_5_per_image", "a removed class is among the first five"),
    ("remove", "mean_reciprocal_rank_per_image", "mean reciprocal rank of removed classes"),
    ("scenes", "calibration_error", "calibration error of the probabilities"),
    ("scenes", "pseudo_log_likelihood", "log-likelihood of an image in nats, each class given the others"),
    ("scenes", "unexpected_rate_at_0.01", "objects of unchanged images with a p-value of at most 0.01"),
    ("scenes", "missing_rate_at_0.001", "absent classes of unchanged images with a p-value of at most 0.001"),
)
"""Experiment, metric and meaning of what a card reports, by the corrected protocol."""

SHARES = ("recall", "auroc", "fpr", "reciprocal", "error")
"""In the names of metrics between 0 and 1, by whose third digit two precisions are compared."""


def make_card(
    model: ContextModel,
    path: Path,
    summary: pd.DataFrame,
    full_precision: pd.DataFrame,
    train: Scenes,
    calibrations: Sequence[Calibration],
    held_out_rates: Sequence[pd.DataFrame],
    settings: Mapping[str, Any],
    data_licence: str,
    evaluated_on: str,
) -> dict[str, Any]:
    """Return a card, for JSON.

    Args:
        model: the packaged model.
        path: its file.
        summary: rows of `tables.SUMMARY` of the packaged model.
        full_precision: the same of the model before it was packaged.
        train: the scenes that it was fitted on.
        calibrations: of the packaged model.
        held_out_rates: of each calibration from detections, in their order, rows of
            `experiments.false_alarms.false_alarms`.
        settings: of the model and its estimators, by name.
        data_licence: source and licence of the data.
        evaluated_on: name of the images of the figures.
    """
    checksum = digest(path)
    held_out = TrainingData(train).held_out
    figures = [_figure(summary, *named) for named in FIGURES]
    before = [_figure(full_precision, *named) for named in FIGURES]
    changes = {
        old["meaning"]: abs(old["value"] - new["value"])
        for old, new in zip(before, figures, strict=True)
        if any(part in old["metric"] for part in SHARES)
    }
    rates = iter(held_out_rates)
    return {
        "name": model.name,
        "version": __version__,
        "family": model.family,
        "classes": len(model.classes),
        "size": path.stat().st_size,
        "sha256": checksum,
        "model_digest": registry.digest(model),
        "data": {
            "name": train.dataset,
            "licence": data_licence,
            "images_fitted": int(np.count_nonzero(~held_out)),
            "images_held_out": int(np.count_nonzero(held_out)),
            "evaluated_on": evaluated_on,
        },
        "precision": {"stored": "half", "largest_change": max(changes.values())},
        "figures": figures,
        "figures_in_full_precision": before,
        "calibrations": [_promise(one, next(rates) if one.detector else None) for one in calibrations],
        "settings": dict(settings),
    }


def _figure(summary: pd.DataFrame, experiment: str, metric: str, meaning: str) -> dict[str, Any]:
    """Return one figure, of the model's first variant."""
    row = summary[(summary["experiment"] == experiment) & (summary["metric"] == metric)].iloc[0]
    bounds = {side: None if pd.isna(row[side]) else round(float(row[side]), 6) for side in ("low", "high")}
    value = round(float(row["value"]), 6)
    return {"experiment": experiment, "metric": metric, "meaning": meaning, "value": value, **bounds}


def _promise(calibration: Calibration, rates: pd.DataFrame | None) -> dict[str, Any]:
    """Return what a calibration was made from, and the rates of false alarms on held-out images."""
    shown = [] if rates is None else _of_calibration(rates)
    return {
        "detector": calibration.detector,
        "objects": len(calibration.present),
        "images": calibration.images,
        "minimum_classes": calibration.minimum_classes,
        "smallest": calibration.smallest,
        "held_out_rates": shown,
    }


def _of_calibration(rates: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rates of a calibration from detections, among all that is judged."""
    kept = rates[(rates["calibration"] == "detections") & (rates["among"] == "all")].drop(
        columns=["calibration", "among"]
    )
    return [dict(zip(kept.columns, row, strict=True)) for row in kept.itertuples(index=False, name=None)]
