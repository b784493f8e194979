"""`contextual-anomaly scenes`: which classes every image holds."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import Threads
from contextual_anomaly.runtime.choices import HELD_OUT_EVERY


def scenes(
    train_annotations: Annotated[Path, typer.Option(help="Objects of the training split (Parquet).")],
    val_annotations: Annotated[Path, typer.Option(help="Objects of the validation split (Parquet).")],
    train_categories: Annotated[Path, typer.Option(help="Classes of the training split (Parquet).")],
    val_categories: Annotated[Path, typer.Option(help="Classes of the validation split (Parquet).")],
    dataset: Annotated[str, typer.Option(help="The data set's name, kept with the scenes.")],
    train_scenes: Annotated[Path, typer.Option(help="Scenes of the training split (Parquet).")],
    val_scenes: Annotated[Path, typer.Option(help="Scenes of the validation split (Parquet).")],
    train_scenes_unfiltered: Annotated[
        Path, typer.Option(help="The same with the images of a single class (Parquet).")
    ],
    val_scenes_unfiltered: Annotated[Path, typer.Option(help="The same with the images of a single class (Parquet).")],
    class_counts: Annotated[Path, typer.Option(help="Images, instances and scenes of each class, as CSV.")],
    train_images: Annotated[Path | None, typer.Option(help="Images of the training split (Parquet).")] = None,
    val_images: Annotated[Path | None, typer.Option(help="Images of the validation split (Parquet).")] = None,
    data_summary: Annotated[
        Path | None, typer.Option(help="What the splits hold and what is left out, with both --…-images (CSV).")
    ] = None,
    image_folder: Annotated[
        Path | None, typer.Option(help="Pictures of the validation split: those that are not there are counted.")
    ] = None,
    include_person: Annotated[
        bool, typer.Option("--include-person/--exclude-person", help="Whether 'person' is one of the classes.")
    ] = False,
    minimum_classes: Annotated[int, typer.Option(min=1, help="Leave out images of fewer different classes.")] = 2,
    held_out_every: Annotated[
        int, typer.Option(min=2, help="Of the training images, hold out every so many-th where models are fitted.")
    ] = HELD_OUT_EVERY,
    threads: Threads = 1,
) -> None:
    """Encode each image as the number of instances of each class, and count the classes.

    Both splits are read together because their classes must be the same. The original leaves the class person out
    and keeps images of two or more classes. Both splits are written once more with the images of a single class.

    Example: `contextual-anomaly scenes --dataset "COCO 2017" --train-annotations train.parquet --val-annotations
    val.parquet --train-categories categories_train.parquet --val-categories categories_val.parquet
    --train-scenes scenes_train.parquet --val-scenes scenes_val.parquet --train-scenes-unfiltered train_unfiltered.parquet
    --val-scenes-unfiltered val_unfiltered.parquet --class-counts class_counts.csv`
    """
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import asdict

    from contextual_anomaly import scenes as encoding
    from contextual_anomaly import tables
    from contextual_anomaly.formats.data_summary import DATA_COLUMNS, summarize_splits
    from contextual_anomaly.runtime.atomic import write_rows

    categories = tables.read_table(train_categories, tables.CATEGORIES)
    other = tables.read_table(val_categories, tables.CATEGORIES)
    encoding.same_categories(categories, train_categories, other, val_categories)
    splits, written = [], []
    with ThreadPoolExecutor(threads) as pool:
        for split, source, target, unfiltered in (
            ("train", train_annotations, train_scenes, train_scenes_unfiltered),
            ("val", val_annotations, val_scenes, val_scenes_unfiltered),
        ):
            objects = tables.read_table(source, tables.ANNOTATIONS, ("image_id", "category_id", "width"))
            encoded = encoding.encode_split(
                split, objects, categories, dataset, include_person, minimum_classes, held_out_every
            )
            written.append(pool.submit(encoding.write_scenes, encoded.unfiltered, unfiltered))
            written.append(pool.submit(encoding.write_scenes, encoded.filtered, target))
            splits.append(encoded)
        rows = [row for split in splits for row in split.class_counts()]
        write_rows(rows, encoding.CLASS_COUNTS, class_counts)
        for writing in written:
            writing.result()  # raises what went wrong
    if data_summary:
        of_image = ("image_id", "file_name", "width", "height")
        paths = {name: path for name, path in (("train", train_images), ("val", val_images)) if path}
        images = {name: tables.read_table(path, tables.IMAGES, of_image) for name, path in paths.items()}
        counts = summarize_splits(splits, images, image_folder)
        write_rows([asdict(count) for count in counts], DATA_COLUMNS, data_summary)
