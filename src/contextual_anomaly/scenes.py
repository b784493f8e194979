"""Scenes: which classes, and how many of each, every image holds."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.arrow import from_numpy, to_numpy
from contextual_anomaly.errors import UserError


@dataclass(frozen=True)
class Scenes:
    """N images over C classes, sorted by image id; classes in the order of their category ids."""

    image_ids: np.ndarray  # [N] int64
    counts: np.ndarray  # [N, C] uint16, instances
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    dataset: str

    @property
    def presence(self) -> np.ndarray:
        """[N, C] float32 of 0 and 1."""
        return (self.counts > 0).astype(np.float32)

    def where(self, rows: np.ndarray) -> "Scenes":
        """The scenes of a boolean mask or an index array."""
        return Scenes(self.image_ids[rows], self.counts[rows], self.classes, self.category_ids, self.dataset)

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


def encode(
    annotations: pa.Table, categories: pa.Table, dataset: str, include_person: bool, minimum_classes: int
) -> Scenes:
    """Count the instances of each class in each annotated image.

    Crowd regions count as one instance, as in the original.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        categories: rows of `tables.CATEGORIES`.
        include_person: whether the class named "person" is among the classes.
        minimum_classes: images with fewer different classes are left out.

    Raises:
        UserError: no image is left.
    """
    kept = [
        (i, name)
        for i, name in zip(categories["category_id"].to_pylist(), categories["name"].to_pylist(), strict=True)
        if include_person or name != "person"
    ]
    category_ids, classes = zip(*kept, strict=True) if kept else ((), ())
    image_id = to_numpy(annotations["image_id"])
    category_id = to_numpy(annotations["category_id"])
    inside = np.flatnonzero(np.isin(category_id, category_ids))
    inside = inside[np.argsort(image_id[inside], kind="stable")]  # nothing to do where the table is sorted already
    image_id, column = image_id[inside], np.searchsorted(category_ids, category_id[inside])
    begins = np.diff(image_id, prepend=image_id[:1] - 1) != 0  # an image's first object
    image_ids = image_id[begins]
    cells, instances = _runs(np.sort((np.cumsum(begins) - 1) * len(classes) + column, kind="stable"))
    counts = np.zeros((len(image_ids), len(classes)), np.uint16)
    counts.ravel()[cells] = np.minimum(instances, np.iinfo(np.uint16).max)
    return Scenes(image_ids, counts, tuple(classes), tuple(category_ids), dataset).of_at_least(minimum_classes)


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of sorted values, and how often each is there."""
    begins = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return values[begins], np.diff(begins, append=len(values))


def write_scenes(scenes: Scenes, path: str | Path) -> None:
    """Write the scenes table; class list, ids and data set name go into its metadata."""
    width = len(scenes.classes)
    counts = pa.FixedSizeListArray.from_arrays(from_numpy(scenes.counts.ravel(), pa.uint16()), width)
    table = pa.table([from_numpy(scenes.image_ids, pa.int64()), counts], schema=tables.scenes_schema(width))
    metadata = {
        "classes": json.dumps(scenes.classes),
        "category_ids": json.dumps(scenes.category_ids),
        "dataset": scenes.dataset,
    }
    tables.write_table(table, tables.scenes_schema(width), path, metadata)


def read_scenes(path: str | Path) -> Scenes:
    """The scenes that `write_scenes` wrote.

    Raises:
        UserError: the file is missing or is not a scenes table.
    """
    metadata, width = tables.list_width(path, "counts")
    table = tables.read_table(path, tables.scenes_schema(width))
    return Scenes(
        image_ids=to_numpy(table["image_id"]),
        counts=tables.matrix(table["counts"]),
        classes=tuple(json.loads(metadata["classes"])),
        category_ids=tuple(json.loads(metadata["category_ids"])),
        dataset=metadata["dataset"],
    )


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
            f"Only in the first: {', '.join(only[0]) or 'none'}; only in the second: {', '.join(only[1]) or 'none'}."
        )


def class_counts(split: str, annotations: pa.Table, categories: pa.Table, scenes: Scenes) -> list[dict]:
    """How often each class occurs.

    Returns:
        for each class: split, category_id, name, supercategory, images (that hold it), instances, scenes (that hold it).
    """
    image_id, category_id = to_numpy(annotations["image_id"]), to_numpy(annotations["category_id"])
    rows = categories.to_pylist()
    ids = [row["category_id"] for row in rows]
    order = np.argsort(image_id, kind="stable")
    image_id, column = image_id[order], np.searchsorted(ids, category_id[order])
    image = np.cumsum(np.diff(image_id, prepend=image_id[:1]) != 0)
    pairs, _ = _runs(np.sort(image * len(ids) + column, kind="stable"))
    images = np.bincount(pairs % len(ids), minlength=len(ids)).tolist()
    instances = np.bincount(column, minlength=len(ids)).tolist()
    in_scenes = dict(zip(scenes.category_ids, (scenes.counts > 0).sum(0).tolist(), strict=True))
    return [
        {"split": split, **row, "images": n, "instances": m, "scenes": in_scenes.get(row["category_id"], 0)}
        for row, n, m in zip(rows, images, instances, strict=True)
    ]
