"""ObjectGeometry: of each class in an image, how many objects, how large, and where. What presence leaves out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables

FEATURES = ("log_count", "largest", "smallest", "height", "width", "center_y", "off_center")
"""What a model is told of the objects of a class: log(1 + number), the rest as in `tables.OBJECT_GEOMETRY`."""


@dataclass(frozen=True)
class ObjectGeometry:
    """The (image, class) pairs of a split that have objects, over all A classes of the data set.

    Those that scenes leave out are among them: a person is not asked for, but says a lot about the rest.
    """

    image_ids: np.ndarray  # [P] int64, sorted
    category_ids: np.ndarray  # [P] int32
    values: np.ndarray  # [P, F] float32, FEATURES; NaN where no object of the pair has a box
    classes: tuple[str, ...]  # A names
    ids_of_classes: tuple[int, ...]

    def pairs(self, image_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of these images [n], the classes that are there: place among the images [p], among the classes [p], and values [p, F]."""
        begin, end = (np.searchsorted(self.image_ids, image_ids, side) for side in ("left", "right"))
        row = np.repeat(np.arange(len(image_ids)), end - begin)
        ends = np.cumsum(end - begin)
        pair = np.arange(len(row)) + np.repeat(end - ends, end - begin)
        return row, np.searchsorted(self.ids_of_classes, self.category_ids[pair]), self.values[pair]

    def of(self, image_ids: np.ndarray) -> np.ndarray:
        """[n, A, 1 + F] float32 of these images [n]: whether the class is there, then FEATURES; 0 where it is not.

        NaN where it is there and the feature is not known.
        """
        row, column, values = self.pairs(image_ids)
        dense = np.zeros((len(image_ids), len(self.classes), 1 + len(FEATURES)), np.float32)
        dense[row, column, 0] = 1
        dense[row, column, 1:] = values
        return dense


def geometry_features(annotations: pa.Table, images: pa.Table) -> pa.Table:
    """Sum up the boxes of each class in each annotated image.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        images: rows of `tables.IMAGES`.

    Returns:
        rows of `tables.OBJECT_GEOMETRY`. Of an image whose size is not known, sizes and places are null.
    """
    import pandas as pd  # here: models that are asked live know of object_geometry as well, and need no pandas

    sizes = images.select(["image_id", "width", "height"]).to_pandas()
    sizes[["width", "height"]] = sizes[["width", "height"]].where(lambda side: side > 0)
    row = np.searchsorted(sizes["image_id"].to_numpy(), annotations["image_id"].to_numpy())
    image_width, image_height = (sizes[name].to_numpy(np.float32)[row] for name in ("width", "height"))
    x, y, width, height = (annotations[name].to_numpy() for name in ("x", "y", "width", "height"))
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


def read_object_geometry(path: str | Path, categories: str | Path) -> ObjectGeometry:
    """The object_geometry of a split.

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
