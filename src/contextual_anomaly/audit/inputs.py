"""What an audit reads."""

from pathlib import Path

import numpy as np

from contextual_anomaly import tables
from contextual_anomaly.audit.box_pairs import Context
from contextual_anomaly.audit.findings import Audited
from contextual_anomaly.detection.detections import read_detected_image_ids
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import require_conditional, require_same_classes, variant_index
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.scenes import read_scenes
from contextual_anomaly.stats.folds import assign_folds


def read_audited(
    annotations: Path,
    categories: Path,
    images: Path,
    model: Path,
    train_scenes: Path,
    bottleneck: int,
    detections: Path | None,
    image_report: Path | None,
    folds: int,
    seed: int,
) -> Audited:
    """The tables of the split and the models; with a detector, the images that it has run on.

    Raises:
        UserError: a file is missing or wrong, files do not belong together, or there are too few images.
    """
    if (detections is None) != (image_report is None):
        raise UserError("--detections and --image-report go together: give both, or neither.")
    judge, common = load_model(model), read_scenes(train_scenes)
    require_same_classes(judge, common.classes, str(train_scenes))
    variant = variant_index(judge, bottleneck)
    classes = tables.read_table(categories, tables.CATEGORIES).to_pandas()
    unknown = sorted(set(judge.classes) - set(classes["name"]))
    if unknown:
        raise UserError(f"{categories}: lacks classes of model {judge.name!r}: {', '.join(unknown[:5])}.")
    require_conditional(judge, variant, "audit.model")
    objects = tables.read_table(annotations, tables.ANNOTATIONS).to_pandas()
    found = None
    image_ids = np.unique(objects["image_id"])
    if detections is not None and image_report is not None:
        found = tables.read_table(detections, tables.DETECTIONS).to_pandas()
        image_ids = read_detected_image_ids(image_report)
        strangers = found.loc[~found["image_id"].isin(image_ids), "image_id"]
        if len(strangers):
            raise UserError(f"{detections}: image {strangers.iloc[0]} is not among those run in {image_report}.")
    return Audited(
        objects=objects,
        categories=classes,
        images=tables.read_table(images, tables.IMAGES).to_pandas(),
        image_ids=image_ids,
        classes=judge.classes,
        detections=found,
        context=Context(judge, variant, common.presence.mean(0)),
        fold=assign_folds(len(image_ids), folds, seed),
    )
