"""The objects of images one by one: class, box, crowd and certainty of each, for models that learn from objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.array_types import Bool, Float32, Int, Shaped
from contextual_anomaly.object_geometry import FEATURES, read_object_geometry
from contextual_anomaly.runtime.arrow import to_numpy
from contextual_anomaly.stats.boxes import BOX

BOX_FEATURES = (
    "center_x", "center_y", "log_width", "log_height", "log_aspect", "log_size", "bottom", "log_image_aspect"
)  # fmt: skip
"""The 8 features of a box.

Centre and lower edge run from -1/2 to 1/2 of the image; width and height are logarithms of the shares of the image's;
log_aspect is the box's width over its height and log_size the root of its area, both in pixels.
"""

LEAST_SHARE = 1e-3
"""Boxes count as at least this wide and high, as a share of the image, so that logarithms are finite."""


@dataclass(frozen=True)
class SceneObjects:
    """K objects of N scenes, over A classes, those of a scene side by side.

    It is a geometry, as `models.base.Geometry` describes: indexing takes scenes, as indexing of an array does.

    Attributes:
        offsets: [N + 1] where the objects of each scene begin; the last is K.
        column: [K] the class of each object, as its place among the A.
        boxes: [K, 4] x, y, width and height in pixels; NaN where an object has no box.
        crowd: [K] whether the box is that of a crowd of objects.
        certainty: [K] from 0 to 1: a detector's score, 1 for annotated objects.
        sizes: [N, 2] width and height of the images in pixels; NaN where they are not known, so that boxes say nothing.
        classes: A class names.
    """

    offsets: Int[np.ndarray, " N_and_1"]
    column: Int[np.ndarray, " K"]
    boxes: Float32[np.ndarray, "K 4"]
    crowd: Bool[np.ndarray, " K"]
    certainty: Float32[np.ndarray, " K"]
    sizes: Float32[np.ndarray, "N 2"]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Return N."""
        return len(self.sizes)

    @property
    def scene(self) -> Int[np.ndarray, " K"]:
        """[K] the scene of each object."""
        return np.repeat(np.arange(len(self)), self.offsets[1:] - self.offsets[:-1])

    def __getitem__(self, rows: slice | Shaped[np.ndarray, " n"]) -> "SceneObjects":
        """Return some scenes.

        Args:
            rows: a slice, a boolean mask or an index array; a scene may be taken several times.
        """
        chosen = np.arange(len(self))[rows]
        offsets, objects = rows_of_scenes(self.offsets, chosen)
        return SceneObjects(
            offsets,
            self.column[objects],
            self.boxes[objects],
            self.crowd[objects],
            self.certainty[objects],
            self.sizes[chosen],
            self.classes,
        )

    def as_before(self) -> Bool[np.ndarray, " pairs"]:
        """Return whether each scene but the first has the same objects as the scene before it."""
        scenes = [self[number : number + 1].content() for number in range(len(self))]
        return np.array([one == other for one, other in pairwise(scenes)], bool)

    def content(self) -> tuple[bytes, ...]:
        """Return all numbers as bytes, equal for equal scenes."""
        parts = (self.offsets, self.column, self.boxes, self.crowd, self.certainty, self.sizes)
        return tuple(part.tobytes() for part in parts)

    def box_features(self) -> Float32[np.ndarray, "K 8"]:
        """Return [K, 8] the `BOX_FEATURES` of each object; NaN where it has no box, or the image's size is not known."""
        x, y, width, height = self.boxes.T
        with np.errstate(invalid="ignore", divide="ignore"):
            image_width, image_height = np.where(self.sizes > 0, self.sizes, np.nan)[self.scene].T
            wide = np.log(np.clip(width / image_width, LEAST_SHARE, 1))
            high = np.log(np.clip(height / image_height, LEAST_SHARE, 1))
            aspect = np.log(image_width / image_height)
            size = np.log(image_width * image_height) / 2 + (wide + high) / 2
            center_x = np.clip((x + width / 2) / image_width, 0, 1) - 0.5
            center_y = np.clip((y + height / 2) / image_height, 0, 1) - 0.5
            bottom = np.clip((y + height) / image_height, 0, 1) - 0.5
        columns = (center_x, center_y, wide, high, wide - high + aspect, size, bottom, aspect)
        features = np.empty((len(x), len(columns)), np.float32)
        for number, column in enumerate(columns):
            features[:, number] = column
        features[np.isnan(features).any(1)] = np.nan
        return features

    def dense(self) -> Float32[np.ndarray, "N A G"]:
        """Return presence and features of the objects of each class, as `ObjectGeometry.dense` does."""
        shape = len(self), len(self.classes)
        cell = self.scene * shape[1] + self.column
        cells = shape[0] * shape[1]
        x, y, width, height = self.boxes.T
        image_width, image_height = self.sizes[self.scene].T
        wide, high = np.clip(width / image_width, 0, 1), np.clip(height / image_height, 0, 1)
        side = np.sqrt(wide * high)
        center_y = np.clip((y + height / 2) / image_height, 0, 1) - 0.5
        off_center = np.abs(np.clip((x + width / 2) / image_width, 0, 1) - 0.5)
        known = np.flatnonzero(~np.isnan(side))
        of_known = cell[known]
        largest, smallest, certain = np.full(cells, -np.inf), np.full(cells, np.inf), np.zeros(cells)
        np.maximum.at(largest, of_known, side[known])
        np.minimum.at(smallest, of_known, side[known])
        np.maximum.at(certain, cell, self.certainty)
        count, boxed = np.bincount(cell, minlength=cells), np.bincount(of_known, minlength=cells)
        with np.errstate(invalid="ignore"):
            means = [
                np.bincount(of_known, values[known], cells) / boxed for values in (high, wide, center_y, off_center)
            ]
        features = np.stack([np.log1p(count), largest, smallest, *means], axis=1)
        features[(count > 0) & (boxed == 0), 1:] = np.nan
        features[count == 0] = 0
        return np.column_stack([certain, features]).astype(np.float32).reshape(*shape, 1 + len(FEATURES))


def rows_of_scenes(
    offsets: Int[np.ndarray, " N_and_1"], scenes: Shaped[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n_and_1"], Int[np.ndarray, " k"]]:
    """Return where the rows of some scenes are, if those of a scene lie side by side.

    Args:
        offsets: [N + 1] where the rows of each scene begin.
        scenes: n indices of scenes.

    Returns:
        Where the rows of each chosen scene begin once they are taken out, and which rows they are.
    """
    lengths = (offsets[1:] - offsets[:-1])[scenes]
    taken = np.concatenate([[0], np.cumsum(lengths)])
    return taken, np.arange(taken[-1]) + np.repeat(offsets[scenes] - taken[:-1], lengths)


def stack_scenes(parts: Sequence[SceneObjects]) -> SceneObjects:
    """Return the scenes of several parts, one after another, which have the same classes."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    fields = ("column", "boxes", "crowd", "certainty", "sizes")
    stacked = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    return SceneObjects(offsets=np.concatenate([[0], np.cumsum(lengths)]), **stacked, classes=parts[0].classes)


@dataclass(frozen=True)
class ImageObjects:
    """The objects of a split, by image.

    Attributes:
        image_ids: [N] ascending.
        objects: of these N images.
    """

    image_ids: Int[np.ndarray, " N"]
    objects: SceneObjects

    @property
    def classes(self) -> tuple[str, ...]:
        """A class names."""
        return self.objects.classes

    def of(self, image_ids: Int[np.ndarray, " n"]) -> SceneObjects:
        """Return the objects of some images; an image that is not among the N has none, and no known size."""
        place = np.searchsorted(self.image_ids, image_ids)
        known = np.zeros(len(image_ids), bool)
        inside = place < len(self.image_ids)
        known[inside] = self.image_ids[place[inside]] == image_ids[inside]
        found = self.objects[place[known]]
        lengths, sizes = np.zeros(len(image_ids), np.int64), np.full((len(image_ids), 2), np.nan, np.float32)
        lengths[known], sizes[known] = np.diff(found.offsets), found.sizes
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return SceneObjects(
            offsets, found.column, found.boxes, found.crowd, found.certainty, sizes, self.objects.classes
        )


def objects_of_scene(
    column: Int[np.ndarray, " K"],
    boxes: Sequence[Sequence[float] | None],
    certainty: Sequence[float],
    size: tuple[int, int] | None,
    classes: tuple[str, ...],
) -> SceneObjects:
    """Return one scene of K objects; those of negative place among the classes are passed over.

    Args:
        column: [K] the class of each object, as its place among A.
        boxes: K boxes as x, y, width and height in pixels; None where an object has none.
        certainty: K numbers from 0 to 1.
        size: width and height of the image in pixels; None where it is not known.
        classes: A class names.
    """
    kept = np.flatnonzero(column >= 0)
    corners = np.full((len(kept), 4), np.nan, np.float32)
    for row, number in enumerate(kept.tolist()):
        box = boxes[number]
        if box is not None:
            corners[row] = box
    sizes = np.array([size or (np.nan, np.nan)], np.float32)
    crowd = np.zeros(len(kept), bool)
    certain = np.asarray(certainty, np.float32)[kept]
    return SceneObjects(np.array([0, len(kept)]), column[kept], corners, crowd, certain, sizes, classes)


def objects_of_rows(
    rows: Mapping[str, Shaped[np.ndarray, " K"]],
    image_ids: Int[np.ndarray, " N"],
    sizes: Shaped[np.ndarray, "N 2"],
    category_ids: Int[np.ndarray, " A"],
    classes: tuple[str, ...],
) -> SceneObjects:
    """Return the objects of the rows of a table.

    Args:
        rows: columns image_id (ascending), category_id, iscrowd, those of `BOX`, and, where not all objects are certain,
            certainty.
        image_ids: [N] ascending, of the scenes; all objects are in them.
        sizes: [N, 2] width and height of the images in pixels; 0 or NaN where they are not known.
        category_ids: [A] ascending.
        classes: A class names.
    """
    row = np.searchsorted(image_ids, rows["image_id"])
    return SceneObjects(
        offsets=np.searchsorted(row, np.arange(len(image_ids) + 1)),
        column=np.searchsorted(category_ids, rows["category_id"]),
        boxes=np.stack([rows[side] for side in BOX], axis=1).astype(np.float32),
        crowd=rows["iscrowd"].astype(bool),
        certainty=rows["certainty"].astype(np.float32) if "certainty" in rows else np.ones(len(row), np.float32),
        sizes=np.where(sizes > 0, sizes, np.nan).astype(np.float32),
        classes=classes,
    )


def read_image_objects(annotations: str | Path, images: str | Path, categories: str | Path) -> ImageObjects:
    """Read the objects of a split.

    Args:
        annotations: a table of `tables.ANNOTATIONS`.
        images: the images of the split, of `tables.IMAGES`.
        categories: the data set's classes, of `tables.CATEGORIES`.

    Raises:
        UserError: a file is missing or of another schema.
    """
    return objects_of_tables(
        tables.read_table(annotations, tables.ANNOTATIONS),
        tables.read_table(images, tables.IMAGES),
        tables.read_table(categories, tables.CATEGORIES),
    )


def objects_of_tables(annotations: pa.Table, images: pa.Table, categories: pa.Table) -> ImageObjects:
    """Return the objects of the tables of a split, as `read_coco` gives them and `read_image_objects` reads them."""
    image_ids = to_numpy(images["image_id"])
    sizes = np.stack([to_numpy(images[side]) for side in ("width", "height")], axis=1)
    columns = ("image_id", "category_id", "iscrowd", *BOX)
    rows = {name: annotations[name].to_numpy() for name in columns}  # a box that is null is NaN
    names = tuple(categories["name"].to_pylist())
    return ImageObjects(image_ids, objects_of_rows(rows, image_ids, sizes, to_numpy(categories["category_id"]), names))


def read_geometry(
    image_ids: Int[np.ndarray, " N"],
    object_geometry: str | Path | None,
    categories: str | Path | None,
    annotations: str | Path | None = None,
    images: str | Path | None = None,
) -> SceneObjects | Float32[np.ndarray, "N A G"] | None:
    """Return what is known of the objects of some images: the objects one by one if their tables are given.

    Args:
        image_ids: [N].
        object_geometry: a table of `tables.OBJECT_GEOMETRY`, or None.
        categories: the data set's classes, a table of `tables.CATEGORIES`; without, nothing is known.
        annotations: a table of `tables.ANNOTATIONS`, or None.
        images: with it, the images of the split, a table of `tables.IMAGES`.

    Raises:
        UserError: a file is missing or of another schema.
    """
    if categories is None:
        return None
    if annotations is not None and images is not None:
        return read_image_objects(annotations, images, categories).of(image_ids)
    return None if object_geometry is None else read_object_geometry(object_geometry, categories).dense(image_ids)
