"""`contextual-anomaly merge-detections`: merge the shards of a detector's results."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def merge_detections(
    shard_detections: Annotated[list[Path], typer.Option(help="Boxes of a shard (Parquet); repeat for each.")],
    shard_class_scores: Annotated[list[Path], typer.Option(help="Class scores of a shard; repeat, in the same order.")],
    shard_image_report: Annotated[list[Path], typer.Option(help="Image report of a shard; repeat, in the same order.")],
    detections: Annotated[Path, typer.Option(help="Boxes of all images (Parquet).")],
    class_scores: Annotated[Path, typer.Option(help="Class scores of all images (Parquet).")],
    image_report: Annotated[Path, typer.Option(help="What became of each image, as CSV.")],
    shards: Annotated[
        int | None, typer.Option(min=1, help="How many there are, where {shard} in the names stands for their numbers.")
    ] = None,
) -> None:
    """Merge the shards that `detect` made, sorted by image.

    The result does not depend on the number of shards, byte for byte. Example, of two:

    `contextual-anomaly merge-detections --shard-detections 0.parquet --shard-detections 1.parquet
    --shard-class-scores 0.scores.parquet --shard-class-scores 1.scores.parquet --shard-image-report 0.csv
    --shard-image-report 1.csv --detections val.parquet --class-scores val.scores.parquet --image-report images.csv`

    Of many, one name that holds {shard} stands for all: `--shards 1000 --shard-detections 'shards/{shard}.parquet'` …
    """
    from contextual_anomaly.detection.detections import merge_shards, read_detections
    from contextual_anomaly.errors import UserError

    if shards is not None:  # a command line is too short for the names of a thousand
        named = [_numbered(names, shards) for names in (shard_detections, shard_class_scores, shard_image_report)]
        shard_detections, shard_class_scores, shard_image_report = named
    if not len(shard_detections) == len(shard_class_scores) == len(shard_image_report):
        raise UserError(
            f"{len(shard_detections)} --shard-detections, {len(shard_class_scores)} --shard-class-scores and "
            f"{len(shard_image_report)} --shard-image-report were given; of each the same number was expected."
        )
    files = zip(shard_detections, shard_class_scores, shard_image_report, strict=True)
    merged = merge_shards([read_detections(*paths) for paths in files])
    merged.write(detections, class_scores, image_report)
    logger.info(merged.summary())


def _numbered(names: list[Path], shards: int) -> list[Path]:
    """Return ``names`` with each number of a shard in place of {shard}."""
    return [Path(str(name).replace("{shard}", str(shard))) for name in names for shard in range(shards)]
