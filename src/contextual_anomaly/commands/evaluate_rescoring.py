"""`contextual-anomaly evaluate-rescoring`: what context adds to a detector."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    AnnotationTable,
    BootstrapSeed,
    CategoryTable,
    ImageReport,
    Resamples,
    Thresholds,
)

logger = logging.getLogger(__name__)


def evaluate_rescoring(
    presence: Annotated[Path, typer.Option(help="Probabilities of classes, as fuse writes them (Parquet).")],
    fused_boxes: Annotated[Path, typer.Option(help="Boxes as fuse writes them (Parquet).")],
    network_boxes: Annotated[Path, typer.Option(help="Boxes as rescore-boxes writes them (Parquet).")],
    image_report: ImageReport,
    annotations: AnnotationTable,
    categories: CategoryTable,
    threshold: Thresholds,
    output: Annotated[Path, typer.Option(help="All measures of all methods, as CSV.")],
    precision_recall: Annotated[Path, typer.Option(help="Precision against recall of each method, as CSV.")],
    risk_coverage: Annotated[Path, typer.Option(help="Risk against coverage of each method, as CSV.")],
    minimum_classes: Annotated[
        int, typer.Option(min=1, help="Classes are measured on all images, and on those with so many.")
    ] = 3,
    n_resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
) -> None:
    """Compare the detector alone and with context.

    Classes of images are measured by average precision, precision at the detector's own recall, and risk against coverage;
    boxes by COCO's AP. Each figure and its gain over the detector alone have a 95 % interval, images resampled.

    Example: `contextual-anomaly evaluate-rescoring --presence presence.parquet --fused-boxes boxes.parquet
    --network-boxes network.parquet --image-report results/detections/world/images.csv
    --annotations results/annotations/val.parquet --categories results/categories/val.parquet --threshold 0.25
    --output metrics.csv --precision-recall precision_recall.csv --risk-coverage risk_coverage.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.experiments.rescoring import comparison
    from contextual_anomaly.experiments.schemas import FUSED_PRESENCE, RESCORED_BOXES
    from contextual_anomaly.runtime.atomic import write_csv

    results = comparison.run(
        tables.read_table(presence, FUSED_PRESENCE).to_pandas(),
        tables.read_table(fused_boxes, RESCORED_BOXES).to_pandas(),
        tables.read_table(network_boxes, RESCORED_BOXES).to_pandas(),
        read_detected_image_ids(image_report),
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        *(threshold, minimum_classes, n_resamples, seed),
    )
    write_csv(results.metrics, output)
    write_csv(results.precision_recall, precision_recall)
    write_csv(results.risk_coverage, risk_coverage)
    overall = results.metrics.query("gain.notna() and threshold.isna() and images_with == 0")
    for row in overall.to_dict("records"):
        logger.info(
            f"{row['subject']}, {row['method']}: {row['measure']} {row['value']:.4f}, "
            f"{row['gain']:+.4f} [{row['gain_low']:+.4f}, {row['gain_high']:+.4f}] over the detector alone"
        )
