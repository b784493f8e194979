"""Scenes: which classes, and how many of each, every image holds."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.arrow import from_numpy, to_numpy
from contextual_anomaly.runtime.choices import HELD_OUT_EVERY

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scenes:
    """N images over C classes, sorted by image id; classes in the order of their category ids."""

    image_ids: np.ndarray  # [N] int64
    counts: np.ndarray  # [N, C] uint16, instances
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    dataset: str
    held_out_every: int = HELD_OUT_EVERY  # for training scenes, see `models.data.TrainingData`

    @property
    def presence(self) -> np.ndarray:
        """[N, C] float32 of 0 and 1."""
        return (self.counts > 0).astype(np.float32)

    @property
    def frequency(self) -> np.ndarray:
        """[C] images that hold each class."""
        return np.count_nonzero(self.counts, axis=0)

    def where(self, rows: np.ndarray) -> "Scenes":
        """The scenes of a boolean mask or an index array."""
        return replace(self, image_ids=self.image_ids[rows], counts=self.counts[rows])

    def without(self, name: str) -> "Scenes":
        """The same images without that class."""
        kept = [i for i, known in enumerate(self.classes) if known != name]
        classes, category_ids = tuple(self.classes[i] for i in kept), tuple(self.category_ids[i] for i in kept)
        left_out = [i for i, known in enumerate(self.classes) if known == name]
        counts = np.delete(self.counts, left_out, axis=1)
        return replace(self, counts=counts, classes=classes, category_ids=category_ids)

    def of_at_least(self, minimum_classes: int) -> "Scenes":
        """Those of so many different classes.

        Raises:
            UserError: there is none.
        """
        enough = np.count_nonzero(self.counts, axis=1) >= minimum_classes
        if not enough.any():
            raise UserError(
                f"{self.dataset}: no image has {minimum_classes} or more different classes; lower scenes.minimum_classes."
            )
        return self.where(enough)


def count_instances(annotations: pa.Table, categories: pa.Table, dataset: str) -> Scenes:
    """Count the instances of each class in each annotated image.

    Crowd regions count as one instance, as in the original.

    >>> import json
    >>> from pathlib import Path
    >>> import contextual_anomaly as ca
    >>> image = {"id": 7, "file_name": "7.jpg", "width": 640, "height": 480}
    >>> objects = [{"id": n, "image_id": 7, "category_id": 44, "bbox": [10 * n, 5, 8, 8]} for n in (1, 2)]
    >>> classes = [{"id": 44, "name": "bottle"}, {"id": 47, "name": "cup"}]
    >>> text = json.dumps({"images": [image], "annotations": objects, "categories": classes})
    >>> size = Path("instances.json").write_text(text)
    >>> annotations, images, categories = ca.read_coco("instances.json")
    >>> ca.count_instances(annotations, categories, "mine").counts
    array([[2, 0]], dtype=uint16)

    Args:
        annotations: the columns image_id and category_id of `tables.ANNOTATIONS`.
        categories: rows of `tables.CATEGORIES`.
        dataset: the data set's name.
    """
    classes, category_ids = categories["name"].to_pylist(), categories["category_id"].to_pylist()
    image_id = to_numpy(annotations["image_id"])
    column = np.searchsorted(category_ids, to_numpy(annotations["category_id"]))
    if (image_id[1:] < image_id[:-1]).any():
        order = np.argsort(image_id, kind="stable")
        image_id, column = image_id[order], column[order]
    begins = np.diff(image_id, prepend=image_id[:1] - 1) != 0  # an image's first object
    image_ids = image_id[begins]
    cells = np.sort((np.cumsum(begins) - 1) * len(classes) + column)
    runs = np.flatnonzero(np.diff(cells, prepend=cells[:1] - 1))
    counts = np.zeros((len(image_ids), len(classes)), np.uint16)
    counts.ravel()[cells[runs]] = np.minimum(np.diff(runs, append=len(cells)), np.iinfo(np.uint16).max)
    return Scenes(image_ids, counts, tuple(classes), tuple(category_ids), dataset)


def write_scenes(scenes: Scenes, path: str | Path) -> None:
    """Write the scenes table; class list, ids, data set name and what is held out go into its metadata."""
    width = len(scenes.classes)
    counts = pa.FixedSizeListArray.from_arrays(from_numpy(scenes.counts.ravel(), pa.uint16()), width)
    table = pa.table([from_numpy(scenes.image_ids, pa.int64()), counts], schema=tables.scenes_schema(width))
    metadata = {
        "classes": json.dumps(scenes.classes),
        "category_ids": json.dumps(scenes.category_ids),
        "dataset": scenes.dataset,
        "held_out_every": str(scenes.held_out_every),
    }
    tables.write_table(table, tables.scenes_schema(width), path, metadata)


def read_scenes(path: str | Path) -> Scenes:
    """The scenes that `write_scenes` wrote.

    >>> import numpy as np
    >>> import contextual_anomaly as ca
    >>> from contextual_anomaly.scenes import write_scenes
    >>> mine = ca.Scenes(np.array([7]), np.array([[2, 0]], np.uint16), ("bottle", "cup"), (44, 47), "mine")
    >>> write_scenes(mine, "scenes.parquet")
    >>> ca.read_scenes("scenes.parquet").presence
    array([[1., 0.]], dtype=float32)

    Raises:
        UserError: the file is missing or is not a scenes table.
    """
    metadata, width = tables.list_width(path, "counts")
    with tables.open_table(path, tables.scenes_schema(width)) as file:
        images = file.metadata.num_rows
        image_ids, counts = np.empty(images, np.int64), np.empty((images, width), np.uint16)
        end = 0
        for piece in range(file.num_row_groups):  # read in one, they take five times the memory of the counts
            table = file.read_row_group(piece)
            begin, end = end, end + len(table)
            image_ids[begin:end], counts[begin:end] = to_numpy(table["image_id"]), tables.matrix(table["counts"])
    return Scenes(
        image_ids=image_ids,
        counts=counts,
        classes=tuple(json.loads(metadata["classes"])),
        category_ids=tuple(json.loads(metadata["category_ids"])),
        dataset=metadata["dataset"],
        held_out_every=int(metadata.get("held_out_every", HELD_OUT_EVERY)),  # earlier versions do not say
    )


def checked_classes(path: str | Path, scenes: Scenes) -> np.ndarray | None:
    """Which classes annotators looked for in each image; those that are there are among them.

    Args:
        path: a table of `tables.CHECKED`.
        scenes: N images over C classes.

    Returns:
        [N, C] bool, or None where every class was looked for in every image.

    Raises:
        UserError: the file is missing or of another schema.
    """
    table = read_checked(path)
    return None if table is None else checked_mask(table, scenes)


def read_checked(path: str | Path) -> pa.Table | None:
    """Return a table of `tables.CHECKED`, or None where every class was looked for in every image.

    Args:
        path: the file (Parquet).

    Raises:
        UserError: the file is missing or of another schema.
    """
    table = tables.read_table(path, tables.CHECKED)
    return None if tables.metadata_of(table).get("exhaustive") == "true" else table


def checked_mask(table: pa.Table, scenes: Scenes) -> np.ndarray:
    """Return [N, C] bool: the pairs of image and class in a table of `tables.CHECKED`, and the classes that are there.

    Args:
        table: images or classes that the scenes lack are passed over.
        scenes: N images over C classes.
    """
    checked = scenes.counts > 0
    if not checked.size:
        return checked
    image, category = to_numpy(table["image_id"]), to_numpy(table["category_id"])
    row = np.minimum(np.searchsorted(scenes.image_ids, image), len(scenes.image_ids) - 1)
    order = np.argsort(scenes.category_ids)
    column = order[np.minimum(np.searchsorted(scenes.category_ids, category, sorter=order), len(order) - 1)]
    known = (scenes.image_ids[row] == image) & (np.array(scenes.category_ids)[column] == category)
    checked[row[known], column[known]] = True
    return checked


def same_categories(first: pa.Table, first_path: str | Path, second: pa.Table, second_path: str | Path) -> None:
    """Check that two splits have the same classes.

    Raises:
        UserError: they differ; the message names the classes.
    """
    names = [dict(zip(t["category_id"].to_pylist(), t["name"].to_pylist(), strict=True)) for t in (first, second)]
    if names[0] != names[1]:
        only = [sorted(f"{i} {n}" for i, n in (a.items() - b.items())) for a, b in (names, names[::-1])]
        raise UserError(
            f"{first_path} and {second_path}: the class lists differ, both splits must have the same. "
            f"Only in the first: {', '.join(only[0]) or 'none'}; only in the second: {', '.join(only[1]) or 'none'}. "
            "`contextual-anomaly annotations` makes one list of both if --other names the annotations of the other split."
        )


CLASS_COUNTS = ("split", "category_id", "name", "supercategory", "original_id", "images", "instances", "scenes")
"""The columns of `class_counts`."""


@dataclass(frozen=True)
class EncodedSplit:
    """One split: its tables, and its scenes before and after images and classes are left out."""

    name: str
    annotations: pa.Table
    categories: pa.Table
    counted: Scenes  # all classes and annotated images
    unfiltered: Scenes  # the classes that count, and the images that hold one
    filtered: Scenes  # of these, the images of enough classes

    def class_counts(self) -> list[dict]:
        """Return `class_counts` of the split."""
        return class_counts(self.name, self.annotations, self.categories, self.counted, self.filtered)


def encode_split(
    name: str,
    annotations: pa.Table,
    categories: pa.Table,
    dataset: str,
    include_person: bool,
    minimum_classes: int,
    held_out_every: int = HELD_OUT_EVERY,
) -> EncodedSplit:
    """Encode each image of a split as the number of instances of each class.

    Args:
        name: the split's name.
        annotations: its objects, of `tables.ANNOTATIONS`.
        categories: its classes, of `tables.CATEGORIES`.
        dataset: the data set's name.
        include_person: whether the class person counts.
        minimum_classes: images of fewer different classes are left out of what is filtered.
        held_out_every: every so many-th image is held out where models are fitted.

    Raises:
        UserError: no image is left.
    """
    counted = replace(count_instances(annotations, categories, dataset), held_out_every=held_out_every)
    unfiltered = (counted if include_person else counted.without("person")).of_at_least(1)
    filtered = unfiltered.of_at_least(minimum_classes)
    logger.info(
        f"{name}: {len(filtered.image_ids):,} images of {minimum_classes} or more of {len(filtered.classes)} classes"
    )
    return EncodedSplit(name, annotations, categories, counted, unfiltered, filtered)


def class_counts(
    split: str, annotations: pa.Table, categories: pa.Table, counted: Scenes, scenes: Scenes
) -> list[dict]:
    """How often each class occurs.

    Args:
        split: the split's name.
        annotations: its objects, of `tables.ANNOTATIONS`.
        categories: its classes, of `tables.CATEGORIES`.
        counted: what `count_instances` makes of the annotations.
        scenes: what models learn from.

    Returns:
        for each class: split, category_id, name, supercategory, original_id, images (that hold it), instances, scenes (that hold it).
    """
    images = counted.frequency.tolist()
    column = np.searchsorted(counted.category_ids, to_numpy(annotations["category_id"]))
    instances = np.bincount(column, minlength=len(images)).tolist()
    in_scenes = dict(zip(scenes.category_ids, scenes.frequency.tolist(), strict=True))
    return [
        {"split": split, **row, "images": n, "instances": m, "scenes": in_scenes.get(row["category_id"], 0)}
        for row, n, m in zip(categories.to_pylist(), images, instances, strict=True)
    ]
