"""`contextual-anomaly read-detections`: the results of a detector that another program ran."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import CategoryTable, ImageTable

logger = logging.getLogger(__name__)


def read_detections(
    results: Annotated[
        Path,
        typer.Option(
            help="COCO's results (JSON), or a table (Parquet, CSV) of image_id, category_id, x, y, width, height and score."
        ),
    ],
    image_table: ImageTable,
    categories: CategoryTable,
    detections: Annotated[Path, typer.Option(help="The boxes (Parquet).")],
    class_scores: Annotated[Path, typer.Option(help="Largest score of each class in each image (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="Which images the detector has run on, as CSV.")],
    covered: Annotated[
        Path | None,
        typer.Option(help="Ids of the images that the detector has run on, a JSON list. Default: all of the split."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse the file if anything would be left out.")] = False,
) -> None:
    """Read the results of any detector, in place of running a network.

    The results are checked as annotations are: unknown images and classes, boxes without a size, scores that are none, and
    boxes that are there twice are counted, named with their first record, and left out. Images without a box count as images.
    What is written is what `detect` and `merge-detections` write. Example:

    `contextual-anomaly read-detections --results results.json --image-table results/images/val.parquet
    --categories results/categories/val.parquet --detections val.parquet --class-scores val.scores.parquet
    --image-report images.csv`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.detection.results import read_results

    found, report = read_results(
        results,
        tables.read_table(image_table, tables.IMAGES).to_pandas(),
        tables.read_table(categories, tables.CATEGORIES).to_pandas(),
        covered,
        strict,
    )
    report.log()
    found.write(detections, class_scores, image_report)
    logger.info(f"{found.summary()}; scores from {found.metadata['lowest_score']}")
