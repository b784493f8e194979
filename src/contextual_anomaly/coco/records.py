"""The records of a COCO annotation file, as far as they are used, and their parser.

msgspec is given the types of these fields and skips the rest, polygons above all, so that a file of several hundred
megabytes is read in seconds and without building it as Python objects.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Annotated

import msgspec
import numpy as np

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what a column of the tables holds
CategoryId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Length = Annotated[int, msgspec.Meta(gt=0, le=2**31 - 1)]


class Image(msgspec.Struct, gc=False):
    """One entry of `images`."""

    id: Id
    file_name: str
    width: Length
    height: Length
    coco_url: str = ""
    flickr_url: str = ""


class Annotation(msgspec.Struct, gc=False):
    """One entry of `annotations`; the segmentation is not read."""

    id: Id
    image_id: Id
    category_id: CategoryId
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int = 0


class Category(msgspec.Struct, gc=False):
    """One entry of `categories`."""

    id: CategoryId
    name: str
    supercategory: str = ""


class Instances(msgspec.Struct):
    """An `instances_*.json` file."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


@dataclass(frozen=True)
class Objects:
    """Columns of n annotations, in the order of the file."""

    id: np.ndarray  # [n] int64
    image_id: np.ndarray  # [n] int64
    category_id: np.ndarray  # [n] int32
    box: np.ndarray  # [4, n] float32: x, y, width, height; NaN where they are no box
    area: np.ndarray  # [n] float32; the box's where none is given, NaN without either
    iscrowd: np.ndarray  # [n] bool
    wrong_box: tuple[int, list[float]] | None  # the first row whose box has no size, and that box as it was given

    @staticmethod
    def of(annotations: list[Annotation]) -> "Objects":
        """The columns of parsed records."""
        n = len(annotations)

        def column(name: str) -> Iterator:
            return map(attrgetter(name), annotations)  # half the time of a loop

        box = np.fromiter(chain.from_iterable(column("bbox")), np.float64, 4 * n).reshape(n, 4)
        area = np.array(list(column("area")), np.float64)  # None becomes NaN
        own_area = box[:, 2] * box[:, 3]
        with np.errstate(over="ignore"):
            # As the tables hold it, in single precision: what is 0 or infinite there is no size.
            single = np.ascontiguousarray(box.T, np.float32)
            area = np.where(np.isnan(area), own_area, area).astype(np.float32)
            wrong = ~np.isfinite(single).all(0) | ~np.isfinite(own_area.astype(np.float32)) | (single[2:] <= 0).any(0)
        row = next(iter(np.flatnonzero(wrong).tolist()), None)
        wrong_box = None if row is None else (row, box[row].tolist())
        single[:, wrong] = np.nan
        area[wrong & ~np.isfinite(area) | wrong & (area < 0)] = np.nan
        return Objects(
            id=np.fromiter(column("id"), np.int64, n),
            image_id=np.fromiter(column("image_id"), np.int64, n),
            category_id=np.fromiter(column("category_id"), np.int32, n),
            box=single,
            area=area,
            iscrowd=np.fromiter(map(bool, column("iscrowd")), bool, n),
            wrong_box=wrong_box,
        )

    @staticmethod
    def joined(parts: Iterable["Objects"]) -> "Objects":
        """One after another."""
        columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        rows, wrong_box = 0, None
        for part in parts:
            for name, arrays in columns.items():
                arrays.append(getattr(part, name))
            if part.wrong_box and not wrong_box:
                wrong_box = (rows + part.wrong_box[0], part.wrong_box[1])
            rows += len(part.id)
        # One column after another, so that only one is there twice.
        return Objects(**{name: np.concatenate(columns.pop(name), axis=-1) for name in COLUMNS}, wrong_box=wrong_box)


COLUMNS = ("id", "image_id", "category_id", "box", "area", "iscrowd")
