"""What an audit works on: tables of annotations, detections and images, and a context model that has not seen them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.audit.company import Company
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
from contextual_anomaly.models.settings import Section
from contextual_anomaly.models.store import read_model
from contextual_anomaly.scenes import Scenes, checked_mask, read_checked, read_scenes
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
        checked: for each split, which classes were looked for in which image; none where all were looked for in all.
        object_model: a model of objects, or none.
    """

    annotations: list[Path]
    categories: Path
    images: list[Path]
    models: list[Path]
    train_scenes: Path
    detections: Path | None = None
    image_report: Path | None = None
    checked: list[Path] = field(default_factory=list)
    object_model: Path | None = None


@dataclass(frozen=True)
class AuditTables:
    """The tables of an audit.

    Attributes:
        objects: columns of `tables.ANNOTATIONS`, sorted by image_id.
        categories: columns of `tables.CATEGORIES`.
        images: columns of `tables.IMAGES`, and the split of each.
        image_ids: [N] int64, ascending, of the images to audit.
        detections: columns of `tables.DETECTIONS`, sorted by image_id; None where context alone judges.
        checked: of each split in which not every class was looked for in every image, its image ids, and a table of
            `tables.CHECKED`.
    """

    objects: pd.DataFrame
    categories: pd.DataFrame
    images: pd.DataFrame
    image_ids: np.ndarray
    detections: pd.DataFrame | None = None
    checked: list[tuple[np.ndarray, pa.Table]] = field(default_factory=list)


def read_audited(
    files: AuditFiles, bottleneck: int, folds: int, seed: int, error_rate: float, cross_fitted: bool
) -> tuple[Audited, pd.DataFrame]:
    """Read the tables of the split and the model; with a detector, the images that it has run on are audited.

    Args:
        files: what to read.
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
    if files.checked and len(files.checked) != len(files.images):
        raise UserError("--checked is given once for each --images, in the same order, or not at all.")
    train = read_scenes(files.train_scenes)
    models = [load_model(path) for path in files.models]
    for model in models:
        require_same_classes(model, train.classes, str(files.train_scenes))
    model, selection = select(models, TrainingData(train))
    categories = tables.read_table(files.categories, tables.CATEGORIES).to_pandas()
    require_classes(categories, model, str(files.categories))
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
        require_images(detections, image_ids, str(files.detections), f"those run in {files.image_report}")
    if not len(image_ids):
        raise UserError(f"{', '.join(map(str, files.annotations))}: there is no image to audit.")
    checked = []
    for path, of_split in zip(files.checked, files.images, strict=False):
        table = read_checked(path)
        if table is not None:
            of = images.loc[images["split"] == of_split.stem, "image_id"].to_numpy()
            checked.append((of, table))
    settings = None
    if cross_fitted:
        chosen = files.models[next(i for i, other in enumerate(models) if other is model)]
        settings = read_settings(read_model(chosen)[0]["family_settings"])
    data = AuditTables(objects, categories, images, image_ids, detections, checked)
    if files.object_model is not None and cross_fitted:
        raise UserError("--object-model goes with models that have not seen the images, so not with --cross-fit.")
    company = Company(load_model(files.object_model), categories) if files.object_model is not None else None
    return prepare(data, model, bottleneck, train, folds, seed, error_rate, settings, company), selection


def require_classes(categories: pd.DataFrame, model: ContextModel, where: str) -> None:
    """Check that the audited data have all classes of a model.

    Args:
        categories: columns of `tables.CATEGORIES`.
        model: the context model.
        where: the file of the categories, for the message.

    Raises:
        UserError: a class is missing.
    """
    unknown = sorted(set(model.classes) - set(categories["name"]))
    if unknown:
        raise UserError(f"{where}: lacks classes of model {model.name!r}: {', '.join(unknown[:5])}.")


def require_images(detections: pd.DataFrame, image_ids: np.ndarray, where: str, known: str) -> None:
    """Check that detections are of known images.

    Args:
        detections: columns of `tables.DETECTIONS`.
        image_ids: of the images that the detector has run on.
        where: the file of the detections, for the message.
        known: what the images are, for the message.

    Raises:
        UserError: a detection is of another image.
    """
    strangers = detections.loc[~detections["image_id"].isin(image_ids), "image_id"]
    if len(strangers):
        raise UserError(f"{where}: image {strangers.iloc[0]} is not among {known}.")


def prepare(
    data: AuditTables,
    model: ContextModel,
    bottleneck: int | None,
    train: Scenes | None,
    folds: int,
    seed: int,
    error_rate: float,
    cross_fit_settings: Section | None = None,
    company: Company | None = None,
) -> Audited:
    """Put together what is audited and the context model, unless that knows no more than how common the classes are.

    Args:
        data: the tables.
        model: a conditional model, which does without object geometry.
        bottleneck: which variant of a sweep judges; None takes the first.
        train: scenes that say how common the classes are; None takes the audited images.
        folds: parts of the images, fewer where there are fewer images.
        seed: of the division into folds.
        error_rate: share of objects that is believed to be overlooked, and share under a wrong label.
        cross_fit_settings: given where the model has seen the images: its family is fitted again with these settings for
            each fold, on the others.
        company: a model of objects that has not seen the images; None without.

    Raises:
        UserError: the model looks at the class that it judges, or cannot be cross-fitted.
    """
    variant = variant_index(model, bottleneck)
    require_conditional(model, variant, "audit.model")
    if len(data.image_ids) < folds:
        logger.warning(f"{len(data.image_ids)} images are divided into as many folds, not into {folds}")
        folds = len(data.image_ids)
    audited = Audited(
        objects=data.objects,
        categories=data.categories,
        images=data.images,
        image_ids=data.image_ids,
        classes=model.classes,
        detections=data.detections,
        context=None,
        fold=assign_folds(len(data.image_ids), folds, seed),
        overlooked=ErrorPrior(error_rate),
        swapped=ErrorPrior(error_rate),
        company=company,
        seed=seed,
    )
    ids = data.categories.set_index("name")["category_id"].loc[list(model.classes)]
    counts = audited.counts(audited.judged_objects())
    scenes = Scenes(data.image_ids, counts, model.classes, tuple(ids.tolist()), "audited")
    audited = replace(audited, checked=_checked(data.checked, scenes))
    models, model_of = (model,), np.zeros(len(counts), np.intp)
    if cross_fit_settings is not None:
        models = tuple(cross_fit(scenes, audited.fold, model.name, cross_fit_settings))
        model_of = audited.fold
    of = scenes if train is None else train
    context = Context(models, variant, of.frequency, len(of.image_ids), model_of)
    gain = context.informs(counts)
    audited = replace(audited, context_gain=str(gain))
    if gain.useful:
        logger.info(f"context by {model.name}: {gain}")
        return replace(audited, context=context)
    by = "the detector judges alone" if audited.detections is not None else "nothing is listed"
    logger.warning(f"which classes an image holds says nothing about its other classes here ({gain}): {by}")
    return audited


def _checked(of_splits: Sequence[tuple[np.ndarray, pa.Table]], scenes: Scenes) -> np.ndarray | None:
    """Return [N, C] whether the class was looked for in the image; None where all were looked for in all."""
    if not of_splits:
        return None
    checked = np.ones(scenes.counts.shape, bool)
    for image_ids, table in of_splits:
        rows = np.isin(scenes.image_ids, image_ids)
        checked[rows] = checked_mask(table, scenes.where(rows))
    unchecked = 1 - checked.mean()
    logger.info(f"{unchecked:.0%} of the pairs of image and class were not checked: nothing is overlooked there")
    return checked


def _concatenated(paths: list[Path], schema: pa.Schema) -> pd.DataFrame:
    """Return the rows of all tables, sorted by image, with the names of their files as split."""
    parts = [tables.read_table(path, schema).to_pandas().assign(split=path.stem) for path in paths]
    return pd.concat(parts).sort_values("image_id", kind="stable", ignore_index=True) if len(parts) > 1 else parts[0]
