"""`contextual-anomaly rescore-boxes`: a network that looks at all boxes of an image."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    CategoryTable,
    Folds,
    FoldSeed,
    ImageReport,
    ImageTable,
)

logger = logging.getLogger(__name__)


def rescore_boxes(
    boxes: Annotated[Path, typer.Option(help="Boxes as fuse writes them (Parquet).")],
    image_report: ImageReport,
    annotations: AnnotationTable,
    categories: CategoryTable,
    images: ImageTable,
    output: Annotated[Path, typer.Option(help="The boxes with new scores (Parquet).")],
    weight_seed: Annotated[list[int], typer.Option(min=0, help="Seed of a network; repeat, their mean is taken.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 20,
    folds: Folds = 5,
    seed: FoldSeed = 0,
) -> None:
    """Rescore each box from its score, class and geometry, and from the other boxes of its image.

    A small attention network after Pato et al. (CVPR 2020) corrects the detector's log-odds. It is cross-validated: no
    image is rescored by a network that was trained on its annotations.

    Example: `contextual-anomaly rescore-boxes --boxes boxes.parquet --image-report results/detections/world/images.csv
    --annotations results/annotations/val.parquet --categories results/categories/val.parquet
    --images results/images/val.parquet --weight-seed 0 --weight-seed 1 --output network.parquet`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.experiments.rescoring import box_rescoring
    from contextual_anomaly.experiments.schemas import RESCORED_BOXES

    fused, image_ids = tables.read_table(boxes, RESCORED_BOXES), read_detected_image_ids(image_report)
    rescored, loss = box_rescoring.run(
        fused.to_pandas(),
        image_ids,
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        tables.read_table(images, tables.IMAGES).to_pandas(),
        *(weight_seed, epochs, folds, seed),
    )
    logger.info(
        f"{len(image_ids)} images, {folds} folds × {len(weight_seed)} networks: training loss {loss[0]:.4f} in the first "
        f"epoch, {loss[1]:.4f} in the last"
    )
    tables.write_frame(rescored, RESCORED_BOXES, output, tables.metadata_of(fused))
