"""`contextual-anomaly rescore-boxes`: boxes by how good they are predicted to be, in steps."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    CategoryTable,
    Detections,
    Folds,
    FoldSeed,
    ImageReport,
    ImageTable,
)

logger = logging.getLogger(__name__)


def rescore_boxes(
    detections: Detections,
    image_report: ImageReport,
    annotations: AnnotationTable,
    categories: CategoryTable,
    images: ImageTable,
    output: Annotated[Path, typer.Option(help="The boxes with the scores of each step, and the added ones (Parquet).")],
    object_model: Annotated[
        Path | None,
        typer.Option(help="A model of the family object_transformer (.safetensors). Default: context without one."),
    ] = None,
    folds: Folds = 5,
    seed: FoldSeed = 0,
) -> None:
    """Rescore each box by the quality that boosted trees predict for it, in four steps.

    own: from its score, class, size, shape and place. duplicates: also from its overlaps with boxes of its class. context:
    also from the boxes of other classes, and from what an object model says of its class. alternatives: boxes are added
    under the classes that they are likely to have instead. It is cross-validated: no image is rescored by trees that were
    fitted to its annotations. The object model is to be fitted on other images, those of the training split.

    Example: `contextual-anomaly rescore-boxes --detections results/detections/world/val.parquet
    --image-report results/detections/world/images.csv --annotations results/annotations/val.parquet
    --categories results/categories/val.parquet --images results/images/val.parquet --output steps.parquet`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments.rescoring import box_rescoring
    from contextual_anomaly.experiments.schemas import BOX_STEPS
    from contextual_anomaly.models.base import WithObjects
    from contextual_anomaly.models.registry import load_model

    model = None if object_model is None else load_model(object_model)
    if model is not None and not isinstance(model, WithObjects):
        raise UserError(
            f"{object_model}: a model that answers for single objects was expected, of the family object_transformer."
        )
    found, image_ids = tables.read_table(detections, tables.DETECTIONS), read_detected_image_ids(image_report)
    steps = box_rescoring.run(
        found.to_pandas(),
        image_ids,
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        tables.read_table(images, tables.IMAGES).to_pandas(),
        *(model, folds, seed),
    )
    logger.info(
        f"{len(image_ids)} images, {len(found):,} boxes and {steps['score'].isna().sum():,} under other classes"
    )
    tables.write_frame(steps, BOX_STEPS, output)
