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
    Unseen,
)

logger = logging.getLogger(__name__)


def evaluate_rescoring(
    presence: Annotated[Path, typer.Option(help="Probabilities of classes, as fuse writes them (Parquet).")],
    fused_boxes: Annotated[Path, typer.Option(help="Boxes as fuse writes them (Parquet).")],
    rescored_boxes: Annotated[Path, typer.Option(help="Boxes as rescore-boxes writes them (Parquet).")],
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
    images: Annotated[Path | None, typer.Option(help="Images of the split (Parquet), with --unseen.")] = None,
    unseen: Unseen = None,
    by_part: Annotated[
        Path | None, typer.Option(help="The measures on unseen and on seen images, with --unseen, as CSV.")
    ] = None,
) -> None:
    """Compare the detector alone and with context.

    Classes of images are measured by average precision, precision at the detector's own recall, and risk against coverage;
    boxes by COCO's AP. Each figure and its gain over the detector alone have a 95 % interval, images resampled.

    Example: `contextual-anomaly evaluate-rescoring --presence presence.parquet --fused-boxes boxes.parquet
    --rescored-boxes steps.parquet --image-report results/detections/world/images.csv
    --annotations results/annotations/val.parquet --categories results/categories/val.parquet --threshold 0.25
    --output metrics.csv --precision-recall precision_recall.csv --risk-coverage risk_coverage.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.detection.results import read_image_ids
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments.rescoring import comparison
    from contextual_anomaly.experiments.schemas import BOX_STEPS, FUSED_PRESENCE, RESCORED_BOXES
    from contextual_anomaly.runtime.atomic import write_csv

    unseen_ids = None
    if unseen is not None:
        if images is None:
            raise UserError("--unseen names images, so --images, their table, is needed as well.")
        unseen_ids = read_image_ids(unseen, tables.read_table(images, tables.IMAGES).to_pandas())
    results = comparison.run(
        tables.read_table(presence, FUSED_PRESENCE).to_pandas(),
        tables.read_table(fused_boxes, RESCORED_BOXES).to_pandas(),
        tables.read_table(rescored_boxes, BOX_STEPS).to_pandas(),
        read_detected_image_ids(image_report),
        tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        *(threshold, minimum_classes, n_resamples, seed),
        unseen_ids,
    )
    write_csv(results.metrics, output)
    if by_part is not None:
        write_csv(results.metrics_by_part, by_part)
    write_csv(results.precision_recall, precision_recall)
    write_csv(results.risk_coverage, risk_coverage)
    overall = results.metrics.query("gain.notna() and threshold.isna() and images_with == 0")
    for row in overall.to_dict("records"):
        logger.info(
            f"{row['subject']}, {row['method']}: {row['measure']} {row['value']:.4f}, "
            f"{row['gain']:+.4f} [{row['gain_low']:+.4f}, {row['gain_high']:+.4f}] over the detector alone"
        )
