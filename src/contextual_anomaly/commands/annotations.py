"""`contextual-anomaly annotations`: annotations of any known format to tables."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def annotations(
    instances: Annotated[
        Path, typer.Argument(help="A file or folder of annotations; COCO's instances_*.json, or others.")
    ],
    annotations: Annotated[Path, typer.Option(help="Objects: boxes and classes (Parquet).")],
    images: Annotated[Path, typer.Option(help="Images: names, sizes, links (Parquet).")],
    categories: Annotated[Path, typer.Option(help="Classes: ids and names (Parquet).")],
    problems: Annotated[
        Path | None, typer.Option(help="What was unusual or wrong, a kind a row, and what was done (CSV).")
    ] = None,
    checked: Annotated[
        Path | None,
        typer.Option(help="Which classes were looked for in which image, where not all were in all (Parquet)."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which split it is: train or val.")] = "train",
    other: Annotated[
        Path | None, typer.Option(help="Annotations of the other split: the classes of both become one list.")
    ] = None,
    divide: Annotated[
        bool,
        typer.Option("--divide", help="It holds both splits: take the one that --split names, of every fifth image."),
    ] = False,
    splits: Annotated[
        Path | None,
        typer.Option(
            help="Table (CSV or Parquet) with the columns image_id and split: which images of both files belong to this "
            "split, in place of the files' own division."
        ),
    ] = None,
    split_name: Annotated[
        str | None, typer.Option(help="With --splits: the name that this split has there. Default: that of --split.")
    ] = None,
    image_folder: Annotated[
        Path | None, typer.Option(help="Pictures whose headers give the sizes that the annotations do not.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what would be left out or read in part, naming every kind.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use: so many processes read.")] = 1,
) -> None:
    """Read annotations, check every record, and write them as tables.

    COCO's JSON and its dialects, LVIS, YOLO, Pascal VOC, CVAT, Label Studio, Open Images and labels of whole images are
    told by their content. Values whose meaning is plain are read; objects whose box is wrong count for their class;
    what cannot be read is left out, and counted by kind.

    Example: `contextual-anomaly annotations instances_val2017.json --annotations annotations.parquet
    --images images.parquet --categories categories.parquet`
    """
    from concurrent.futures import ThreadPoolExecutor

    from contextual_anomaly import tables
    from contextual_anomaly.formats.read import Options
    from contextual_anomaly.formats.split_list import SplitList
    from contextual_anomaly.formats.splits import read_split

    logger.info(f"reading {instances}")
    options = Options(image_folder=image_folder, processes=threads, strict=strict)
    listed = SplitList(splits, split_name or split) if splits else None
    reading = read_split(instances, split, options, other, divide, listed)
    reading.report.log()
    logger.info(
        f"{reading.annotations.num_rows:,} objects in {reading.images.num_rows:,} images, "
        f"{reading.categories.num_rows} classes"
    )
    exhaustive = {"exhaustive": "true" if reading.checked is None else "false"}
    looked_for = tables.empty_table(tables.CHECKED) if reading.checked is None else reading.checked
    written = [
        (reading.annotations, tables.ANNOTATIONS, annotations),
        (reading.images, tables.IMAGES, images),
        (reading.categories, tables.CATEGORIES, categories),
        *([(looked_for, tables.CHECKED, checked, exhaustive)] if checked else []),
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda of: tables.write_table(*of), written))  # as a list, or errors would stay in it
    if problems:
        reading.report.write(problems, split)
