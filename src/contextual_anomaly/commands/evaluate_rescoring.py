"""`contextual-anomaly evaluate-rescoring`: what context adds to a detector."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def evaluate_rescoring(
    presence: Annotated[Path, typer.Option(help="Probabilities of classes, as fuse writes them (Parquet).")],
    fused_boxes: Annotated[Path, typer.Option(help="Boxes as fuse writes them (Parquet).")],
    network_boxes: Annotated[Path, typer.Option(help="Boxes as rescore-boxes writes them (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="Which images the detector has run on (CSV).")],
    annotations: Annotated[Path, typer.Option(help="Objects of the split (Parquet).")],
    categories: Annotated[Path, typer.Option(help="Classes of the split (Parquet).")],
    threshold: Annotated[list[float], typer.Option(min=0, max=1, help="Of the detector; repeat.")],
    output: Annotated[Path, typer.Option(help="All measures of all methods, as CSV.")],
    precision_recall: Annotated[Path, typer.Option(help="Precision against recall of each method, as CSV.")],
    risk_coverage: Annotated[Path, typer.Option(help="Risk against coverage of each method, as CSV.")],
    minimum_classes: Annotated[
        int, typer.Option(min=1, help="Classes are judged on all images, and on those with so many.")
    ] = 3,
    n_resamples: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Evaluate the detector alone and with context: classes of images by average precision, precision at the detector's
    own recall, and risk against coverage; boxes by COCO's AP.

    Each figure and its gain over the detector alone have a 95 % interval, images resampled. Example:

    `contextual-anomaly evaluate-rescoring --presence presence.parquet --fused-boxes boxes.parquet
    --network-boxes network.parquet --image-report results/detections/world/images.csv
    --annotations results/annotations/val.parquet --categories results/categories/val.parquet --threshold 0.25
    --output metrics.csv --precision-recall precision_recall.csv --risk-coverage risk_coverage.csv`
    """
    import pandas as pd

    from contextual_anomaly import tables
    from contextual_anomaly.detection.detections import read_detected_image_ids
    from contextual_anomaly.experiments.rescoring.curves import precision_recall_curves, risk_coverage_curves
    from contextual_anomaly.experiments.rescoring.metrics import judge_boxes, judge_presence
    from contextual_anomaly.experiments.schemas import FUSED, RESCORED_BOXES
    from contextual_anomaly.runtime.atomic import atomic_write

    cells = tables.read_table(presence, FUSED).to_pandas()
    image_ids = read_detected_image_ids(image_report)

    def matrix(column: str):
        return cells[column].to_numpy().reshape(len(image_ids), -1)

    thresholds = sorted(set(threshold))
    methods = {"detector": matrix("score"), "calibrated": matrix("calibrated"), "fusion": matrix("fused")}
    annotated = matrix("annotated")
    fused = tables.read_table(fused_boxes, RESCORED_BOXES).to_pandas()
    network = tables.read_table(network_boxes, RESCORED_BOXES).to_pandas()
    boxes = {
        "detector": fused,
        "fusion": fused.assign(score=fused["rescored"]),
        "network": network.assign(score=network["rescored"]),
    }
    judged = pd.concat(
        [
            judge_presence(methods, annotated, thresholds, minimum_classes, n_resamples, seed),
            judge_boxes(
                boxes,
                tables.read_table(annotations, tables.ANNOTATIONS).to_pandas(),
                tables.read_table(categories, tables.CATEGORIES).to_pandas(),
                image_ids,
                n_resamples,
                seed,
            ),
        ],
        ignore_index=True,
    )
    for table, path in (
        (judged, output),
        (precision_recall_curves(methods, annotated), precision_recall),
        (risk_coverage_curves(methods, annotated, thresholds[0]), risk_coverage),
    ):
        with atomic_write(path) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    for row in judged[judged["gain"].notna() & judged["threshold"].isna() & (judged["images_with"] == 0)].itertuples():
        logger.info(
            f"{row.subject}, {row.method}: {row.measure} {row.value:.4f}, "
            f"{row.gain:+.4f} [{row.gain_low:+.4f}, {row.gain_high:+.4f}] over the detector alone"
        )
