"""What an audit reads."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.findings import Audited
from contextual_anomaly.detection.detections import read_detected_image_ids
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel, require_conditional, require_same_classes, variant_index
from contextual_anomaly.models.cross_fitting import cross_fit
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.registry import load_model, read_settings
from contextual_anomaly.models.selection import select
from contextual_anomaly.models.store import read_model
from contextual_anomaly.scenes import Scenes, read_scenes
from contextual_anomaly.stats.folds import assign_folds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditFiles:
    """The files of an audit.

    Attributes:
        annotations, images: tables of each audited split, in the same order; no image is in two of them.
        categories: the classes.
        models: the context model, or several to choose from.
        train_scenes: for the classes, and how common they are.
        detections, image_report: boxes of a detector, and which images it has run on; both or neither.
    """

    annotations: list[Path]
    categories: Path
    images: list[Path]
    models: list[Path]
    train_scenes: Path
    detections: Path | None = None
    image_report: Path | None = None


def read_audited(
    files: AuditFiles, bottleneck: int, folds: int, seed: int, error_rate: float, cross_fitted: bool
) -> tuple[Audited, pd.DataFrame]:
    """Read the tables of the split and the model; with a detector, the images that it has run on are audited.

    Args:
        bottleneck: which variant of a sweep judges.
        folds: parts of the images, fewer where there are fewer images.
        seed: of the division into folds.
        error_rate: share of objects that is believed to be overlooked, and share under a wrong label.
        cross_fitted: the model has seen the audited images; fit its family again for each fold, on the others.

    Returns:
        What is audited, and how well each model predicts held-out images, the best one first.

    Raises:
        UserError: a file is missing or wrong, files do not belong together, or there are too few images.
    """
    if (files.detections is None) != (files.image_report is None):
        raise UserError("--detections and --image-report go together: give both, or neither.")
    train = read_scenes(files.train_scenes)
    models = [load_model(path) for path in files.models]
    for model in models:
        require_same_classes(model, train.classes, str(files.train_scenes))
    model, selection = select(models, TrainingData(train))
    variant = variant_index(model, bottleneck)
    categories = tables.read_table(files.categories, tables.CATEGORIES).to_pandas()
    unknown = sorted(set(model.classes) - set(categories["name"]))
    if unknown:
        raise UserError(f"{files.categories}: lacks classes of model {model.name!r}: {', '.join(unknown[:5])}.")
    require_conditional(model, variant, "audit.model")
    objects = _concatenated(files.annotations, tables.ANNOTATIONS)
    images = _concatenated(files.images, tables.IMAGES)
    if images["image_id"].duplicated().any():
        image = images.loc[images["image_id"].duplicated(), "image_id"].iloc[0]
        raise UserError(f"image {image} is in two of {', '.join(map(str, files.images))}: audit one split at a time.")
    detections = None
    image_ids = np.unique(objects["image_id"])
    if files.detections is not None and files.image_report is not None:
        detections = tables.read_table(files.detections, tables.DETECTIONS).to_pandas()
        image_ids = read_detected_image_ids(files.image_report)
        strangers = detections.loc[~detections["image_id"].isin(image_ids), "image_id"]
        if len(strangers):
            raise UserError(
                f"{files.detections}: image {strangers.iloc[0]} is not among those run in {files.image_report}."
            )
    if not len(image_ids):
        raise UserError(f"{', '.join(map(str, files.annotations))}: there is no image to audit.")
    if len(image_ids) < folds:
        logger.warning(f"{len(image_ids)} images are divided into as many folds, not into {folds}")
        folds = len(image_ids)
    audited = Audited(
        objects=objects,
        categories=categories,
        images=images,
        image_ids=image_ids,
        classes=model.classes,
        detections=detections,
        context=None,
        fold=assign_folds(len(image_ids), folds, seed),
        overlooked=ErrorPrior(error_rate),
        swapped=ErrorPrior(error_rate),
    )
    chosen = files.models[next(i for i, other in enumerate(models) if other is model)]
    return _with_context(audited, model, variant, train, chosen if cross_fitted else None), selection


def _concatenated(paths: list[Path], schema: pa.Schema) -> pd.DataFrame:
    """Return the rows of all tables, sorted by image, with the names of their files as split."""
    parts = [tables.read_table(path, schema).to_pandas().assign(split=path.stem) for path in paths]
    return pd.concat(parts).sort_values("image_id", kind="stable", ignore_index=True) if len(parts) > 1 else parts[0]


def _with_context(audited: Audited, model: ContextModel, variant: int, train: Scenes, cross_fit_from: Path | None):
    """Add the context model, unless it knows no more than how common the classes are."""
    from dataclasses import replace

    counts = audited.counts(audited.judged_objects())
    models, model_of = (model,), np.zeros(len(counts), np.intp)
    if cross_fit_from is not None:
        metadata, _ = read_model(cross_fit_from)
        scenes = Scenes(audited.image_ids, counts, train.classes, train.category_ids, train.dataset)
        models = tuple(cross_fit(scenes, audited.fold, model.name, read_settings(metadata["family_settings"])))
        model_of = audited.fold
    context = Context(models, variant, train.frequency, len(train.image_ids), model_of)
    gain = context.informs(counts)
    audited = replace(audited, context_gain=str(gain))
    if gain.useful:
        logger.info(f"context by {model.name}: {gain}")
        return replace(audited, context=context)
    by = "the detector judges alone" if audited.detections is not None else "nothing is listed"
    logger.warning(f"which classes an image holds says nothing about its other classes here ({gain}): {by}")
    return audited
