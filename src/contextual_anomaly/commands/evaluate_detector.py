"""`contextual-anomaly evaluate-detector`: evaluate a detector by COCO's own measures."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import AnnotationTable, CategoryTable, Detections, ImageReport

logger = logging.getLogger(__name__)


def evaluate_detector(
    detections: Detections,
    image_report: ImageReport,
    annotations: AnnotationTable,
    categories: CategoryTable,
    output: Annotated[Path, typer.Option(help="The measures, as CSV.")],
) -> None:
    """Evaluate a detector's boxes by pycocotools' COCOeval, on the images that it has run on.

    Columns: metric, category (empty for all of them), value, images, instances. AP is the mean over overlaps of 0.50
    to 0.95; crowd regions count neither as found nor as missed, as in COCO. Example:

    `contextual-anomaly evaluate-detector --detections results/detections/world/val.parquet
    --image-report results/detections/world/images.csv --annotations results/annotations/val.parquet
    --categories results/categories/val.parquet --output results/experiments/detection/world.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection import evaluation
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.runtime.atomic import write_csv

    measures = evaluation.evaluate(
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        tables.read_table(detections, tables.DETECTIONS).to_pandas(),
        read_detected_image_ids(image_report),
    )
    write_csv(measures, output)
    overall = measures[measures["category"] == ""].set_index("metric")
    logger.info(
        f"AP {overall['value']['AP']:.3f}, AP50 {overall['value']['AP50']:.3f} on {overall['images']['AP']:,} images"
    )
