"""`contextual-anomaly object-geometry`: how many objects of each class an image has, how large and where."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import AnnotationTable, ImageTable

logger = logging.getLogger(__name__)


def object_geometry(
    annotations: AnnotationTable,
    images: ImageTable,
    output: Annotated[Path, typer.Option(help="One (image, class) a row (Parquet).")],
) -> None:
    """Sum up the boxes of each class in each image: number, sizes, mean place. Some context models look at them.

    Example: `contextual-anomaly object-geometry --annotations results/annotations/val.parquet
    --images results/images/val.parquet --output object_geometry.parquet`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.object_geometry import geometry_features

    objects = tables.read_table(annotations, tables.ANNOTATIONS)
    table = geometry_features(objects, tables.read_table(images, tables.IMAGES))
    logger.info(f"{objects.num_rows:,} objects of {table.num_rows:,} classes in images")
    tables.write_table(table, tables.OBJECT_GEOMETRY, output)
