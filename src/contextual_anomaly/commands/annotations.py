"""`contextual-anomaly annotations`: one COCO JSON file to three tables."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def annotations(
    instances: Annotated[Path, typer.Argument(help="An instances_*.json file in COCO's format.")],
    annotations: Annotated[Path, typer.Option(help="Objects: boxes and classes (Parquet).")],
    images: Annotated[Path, typer.Option(help="Images: names, sizes, links (Parquet).")],
    categories: Annotated[Path, typer.Option(help="Classes: ids and names (Parquet).")],
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use: so many processes read.")] = 1,
) -> None:
    """Read COCO annotations, check every record, and write them as tables.

    Example: `contextual-anomaly annotations instances_val2017.json --annotations annotations.parquet
    --images images.parquet --categories categories.parquet`
    """
    from concurrent.futures import ThreadPoolExecutor

    from contextual_anomaly import tables
    from contextual_anomaly.coco.reader import read_instances

    logger.info(f"reading {instances}")
    objects, pictures, classes = read_instances(instances, threads)
    logger.info(f"{objects.num_rows:,} objects in {pictures.num_rows:,} images, {classes.num_rows} classes")
    written = (
        (objects, tables.ANNOTATIONS, annotations),
        (pictures, tables.IMAGES, images),
        (classes, tables.CATEGORIES, categories),
    )
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(tables.write_table, *zip(*written, strict=True)))  # as a list, or errors would stay in it
