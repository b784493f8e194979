"""`contextual-anomaly layouts`: how many objects of each class an image has, how large and where."""

from pathlib import Path
from typing import Annotated

import typer


def layouts(
    annotations: Annotated[Path, typer.Option(help="Objects of a split (Parquet).")],
    images: Annotated[Path, typer.Option(help="Its images, with their sizes (Parquet).")],
    output: Annotated[Path, typer.Option(help="One (image, class) a row (Parquet).")],
) -> None:
    """Sum up the boxes of each class in each image: number, sizes, mean place. Some context models look at them.

    Example: `contextual-anomaly layouts --annotations results/annotations/val.parquet
    --images results/images/val.parquet --output layouts.parquet`
    """
    from contextual_anomaly import tables
    from contextual_anomaly.object_geometry import lay_out
    from contextual_anomaly.runtime.progress import say

    objects = tables.read_table(annotations, tables.ANNOTATIONS)
    table = lay_out(objects, tables.read_table(images, tables.IMAGES))
    say(f"{objects.num_rows:,} objects of {table.num_rows:,} classes in images")
    tables.write_table(table, tables.LAYOUTS, output)
