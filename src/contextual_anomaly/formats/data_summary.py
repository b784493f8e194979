"""What the splits hold, and what is left out of them: nothing of it in silence."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly.coco.pictures import find_picture
from contextual_anomaly.runtime.arrow import to_numpy
from contextual_anomaly.scenes import EncodedSplit

logger = logging.getLogger(__name__)
DATA_COLUMNS = ("split", "item", "count", "example")


@dataclass(frozen=True)
class DataCount:
    """One thing that is worth knowing of a split: how often it is so, and an example."""

    split: str
    item: str
    count: int
    example: str = ""


def summarize_splits(
    splits: Iterable[EncodedSplit], images: Mapping[str, pa.Table], image_folder: Path | None = None
) -> list[DataCount]:
    """Count what the splits hold and what is left out of them, and log what is worth a look.

    Args:
        splits: train and val, or one of them.
        images: rows of `tables.IMAGES` by the split's name; splits without are left out.
        image_folder: of the validation images; those that are not there are counted.
    """
    counts = [count for split in splits if split.name in images for count in _summarize(split, images[split.name])]
    if "val" in images and image_folder:
        counts.append(pictures_not_found("val", images["val"], image_folder))
    if {"train", "val"} <= images.keys():
        counts.append(images_in_both(images["train"], images["val"]))
    for count in counts:
        if count.example and count.count:
            logger.info(f"{count.split}: {count.count:,} {count.item}, such as {count.example}")
    return counts


def _summarize(of: EncodedSplit, images: pa.Table) -> list[DataCount]:
    split, annotations, categories, counted, encoded = of.name, of.annotations, of.categories, of.counted, of.filtered
    names = dict(zip(images["image_id"].to_pylist(), images["file_name"].to_pylist(), strict=True))
    image_ids = to_numpy(images["image_id"])
    without = image_ids[~np.isin(image_ids, counted.image_ids)].tolist()
    few = counted.image_ids[~np.isin(counted.image_ids, encoded.image_ids)].tolist()
    left_out = [name for name in counted.classes if name not in encoded.classes]
    unseen = [name for name, n in zip(counted.classes, counted.frequency, strict=True) if not n]
    no_size = image_ids[(to_numpy(images["width"]) == 0) | (to_numpy(images["height"]) == 0)].tolist()
    column = np.searchsorted(counted.category_ids, to_numpy(annotations["category_id"]))
    of_left_out = int(np.isin(column, [counted.classes.index(name) for name in left_out]).sum())

    def first(ids: list[int]) -> str:
        return names.get(ids[0], str(ids[0])) if ids else ""

    return [
        DataCount(split, "images", len(image_ids)),
        DataCount(split, "images without objects", len(without), first(without)),
        DataCount(split, "images with too few classes, left out of the scenes", len(few), first(few)),
        DataCount(split, "images of unknown size", len(no_size), first(no_size)),
        DataCount(split, "objects", annotations.num_rows),
        DataCount(split, "objects without a box", annotations["width"].null_count),
        DataCount(split, "objects of classes that are left out", of_left_out, ", ".join(left_out)),
        DataCount(split, "classes", categories.num_rows),
        DataCount(split, "classes without objects", len(unseen), ", ".join(unseen[:10])),
    ]


def images_in_both(train: pa.Table, val: pa.Table) -> DataCount:
    """Count the images that are in both splits, by their file names."""
    there = set(train["file_name"].to_pylist())
    both = [name for name in val["file_name"].to_pylist() if name and name in there]
    return DataCount(
        "val", "images that are in the training split as well, by file name", len(both), next(iter(both), "")
    )


def pictures_not_found(split: str, images: pa.Table, folder: Path) -> DataCount:
    """Count the images whose pictures are not in a folder."""
    absent = [name for name in images["file_name"].to_pylist() if find_picture(folder, name) is None]
    return DataCount(split, "images whose pictures are not found", len(absent), next(iter(absent), ""))
