"""Object geometry: of each class in an image, how many objects there are, how large, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.array_types import Float32, Int, Int32, Int64
from contextual_anomaly.stats.boxes import BOX

FEATURES = ("log_count", "largest", "smallest", "height", "width", "center_y", "off_center")
"""The F features of the objects of a class: log(1 + number), the rest as in `tables.OBJECT_GEOMETRY`."""


@dataclass(frozen=True)
class ObjectGeometry:
    """The P (image, class) pairs of a split that have objects, over all A classes of the data set.

    The classes that scenes leave out are among them: a person is not predicted, but says a lot about the rest.

    Attributes:
        image_ids: [P] ascending.
        category_ids: [P] of the classes.
        values: [P, F] the `FEATURES`; NaN where no object of the pair has a box.
        classes: A class names.
        ids_of_classes: A category ids, ascending.
    """

    image_ids: Int64[np.ndarray, " P"]
    category_ids: Int32[np.ndarray, " P"]
    values: Float32[np.ndarray, "P F"]
    classes: tuple[str, ...]
    ids_of_classes: tuple[int, ...]

    def pairs(
        self, image_ids: Int[np.ndarray, " n"]
    ) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"], Float32[np.ndarray, "p F"]]:
        """Return the pairs of some images: the place of each among the images [p], among the classes [p], its values."""
        begin, end = (np.searchsorted(self.image_ids, image_ids, side) for side in ("left", "right"))
        row = np.repeat(np.arange(len(image_ids)), end - begin)
        ends = np.cumsum(end - begin)
        pair = np.arange(len(row)) + np.repeat(end - ends, end - begin)
        return row, np.searchsorted(self.ids_of_classes, self.category_ids[pair]), self.values[pair]

    def dense(self, image_ids: Int[np.ndarray, " n"]) -> Float32[np.ndarray, "n A G"]:
        """Return [n, A, 1 + F]: presence of each class in some images, and its features.

        All are 0 where the class is absent. A feature is NaN where the class is present and the feature is not known.
        """
        row, column, values = self.pairs(image_ids)
        dense = np.zeros((len(image_ids), len(self.classes), 1 + len(FEATURES)), np.float32)
        dense[row, column, 0] = 1
        dense[row, column, 1:] = values
        return dense


def geometry_features(annotations: pa.Table, images: pa.Table) -> pa.Table:
    """Summarise the boxes of each class in each annotated image.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        images: rows of `tables.IMAGES`.

    Returns:
        Rows of `tables.OBJECT_GEOMETRY`. Of an image whose size is not known, sizes and places are null.
    """
    import pandas as pd  # not above: prediction imports this module and does not need pandas

    sizes = images.select(["image_id", "width", "height"]).to_pandas()
    sizes[["width", "height"]] = sizes[["width", "height"]].where(lambda side: side > 0)
    row = np.searchsorted(sizes["image_id"].to_numpy(), annotations["image_id"].to_numpy())
    image_width, image_height = (sizes[name].to_numpy(np.float32)[row] for name in ("width", "height"))
    x, y, width, height = (annotations[name].to_numpy() for name in BOX)
    boxes = pd.DataFrame(
        {
            "image_id": annotations["image_id"].to_numpy(),
            "category_id": annotations["category_id"].to_numpy(),
            "width": np.clip(width / image_width, 0, 1),
            "height": np.clip(height / image_height, 0, 1),
            "center_y": np.clip((y + height / 2) / image_height, 0, 1) - 0.5,
            "off_center": np.abs(np.clip((x + width / 2) / image_width, 0, 1) - 0.5),
        }
    )
    boxes["size"] = np.sqrt(boxes["width"] * boxes["height"])
    grouped = boxes.groupby(["image_id", "category_id"], sort=True)
    summed = grouped.agg(
        count=("category_id", "size"),
        largest=("size", "max"),
        smallest=("size", "min"),
        height=("height", "mean"),
        width=("width", "mean"),
        center_y=("center_y", "mean"),
        off_center=("off_center", "mean"),
    ).reset_index()
    return pa.Table.from_pandas(summed, schema=tables.OBJECT_GEOMETRY, preserve_index=False).replace_schema_metadata(
        None
    )


def features_of_boxes(
    column: Int[np.ndarray, " K"],
    boxes: Sequence[Sequence[float] | None],
    size: tuple[int, int] | None,
    classes: int,
) -> Float32[np.ndarray, "A G"]:
    """Summarise the boxes of one image, as `geometry_features` and `ObjectGeometry.dense` do for many.

    Args:
        column: [K] the class of each object, as its place among A; objects of negative place are passed over.
        boxes: K boxes as x, y, width and height in pixels; None where an object has none.
        size: width and height of the image in pixels; None where it is not known.
        classes: A.

    Returns:
        [A, 1 + F]: presence of each class and its features; NaN where no object of the class has a box.
    """
    features = np.zeros((classes, 1 + len(FEATURES)), np.float32)
    of_class = column[column >= 0]
    if not len(of_class):
        return features
    count = np.bincount(of_class, minlength=classes)
    there = count > 0
    features[there, 0] = 1
    features[there, 1] = np.log1p(count[there])
    features[there, 2:] = np.nan
    if size is None or min(size) <= 0:
        return features
    kept = [(place, box) for place, box in zip(column.tolist(), boxes, strict=True) if place >= 0 and box is not None]
    if not kept:
        return features
    boxed = np.array([place for place, _ in kept])
    shares = np.array([box for _, box in kept]) / np.array([*size, *size])
    x, y, width, height = shares.T
    width, height = np.clip(width, 0, 1), np.clip(height, 0, 1)
    side = np.sqrt(width * height)
    center_y = np.clip(y + shares[:, 3] / 2, 0, 1) - 0.5
    off_center = np.abs(np.clip(x + shares[:, 2] / 2, 0, 1) - 0.5)
    largest, smallest = np.full(classes, -np.inf), np.full(classes, np.inf)
    np.maximum.at(largest, boxed, side)
    np.minimum.at(smallest, boxed, side)
    boxes_of = np.bincount(boxed, minlength=classes)
    own = boxes_of > 0
    features[own, 2], features[own, 3] = largest[own], smallest[own]
    for feature, values in enumerate((height, width, center_y, off_center), start=4):
        features[own, feature] = np.bincount(boxed, values, classes)[own] / boxes_of[own]
    return features


def read_object_geometry(path: str | Path, categories: str | Path) -> ObjectGeometry:
    """Read the object geometry of a split.

    Args:
        path: a table of `tables.OBJECT_GEOMETRY`.
        categories: the data set's classes, a table of `tables.CATEGORIES`.

    Raises:
        UserError: a file is missing or of another schema.
    """
    table, known = tables.read_table(path, tables.OBJECT_GEOMETRY), tables.read_table(categories, tables.CATEGORIES)
    values = np.empty((table.num_rows, len(FEATURES)), np.float32)
    values[:, 0] = np.log1p(table["count"].to_numpy())
    for place, name in enumerate(FEATURES[1:], start=1):
        values[:, place] = table[name].to_numpy()
    return ObjectGeometry(
        image_ids=table["image_id"].to_numpy(),
        category_ids=table["category_id"].to_numpy(),
        values=values,
        classes=tuple(known["name"].to_pylist()),
        ids_of_classes=tuple(known["category_id"].to_pylist()),
    )
