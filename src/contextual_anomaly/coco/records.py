"""The records of a COCO annotation file, as far as they are used, and their parser.

msgspec is given the types of these fields and skips the rest, polygons above all, so that a file of several hundred
megabytes is read in seconds and without building it as Python objects. A file whose fields are not of these types is
decoded once more by the loose records, which take any value; `normalize` makes sense of those.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what a column of the tables holds
CategoryId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
Length = Annotated[int, msgspec.Meta(gt=0, le=2**31 - 1)]


class Image(msgspec.Struct, gc=False):
    """One entry of `images`."""

    id: Id
    width: Length
    height: Length
    file_name: str | None = None
    coco_url: str | None = None
    flickr_url: str | None = None
    neg_category_ids: list[int] | None = None  # LVIS: classes that annotators looked for and did not find
    not_exhaustive_category_ids: list[int] | None = None  # LVIS: classes of which not every object is annotated


class Annotation(msgspec.Struct, gc=False):
    """One entry of `annotations`; the segmentation is not read."""

    id: Id
    image_id: Id
    category_id: CategoryId
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: Flag = 0
    score: None = None  # predictions have one: the loose reader says so


class Category(msgspec.Struct, gc=False):
    """One entry of `categories`."""

    id: CategoryId
    name: str
    supercategory: str | None = None


class Instances(msgspec.Struct):
    """An `instances_*.json` file."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


class LooseImage(msgspec.Struct, gc=False):
    """An image whose fields may have any type."""

    id: Any = None
    file_name: Any = None
    width: Any = None
    height: Any = None
    coco_url: Any = None
    flickr_url: Any = None
    neg_category_ids: Any = None
    not_exhaustive_category_ids: Any = None


class LooseAnnotation(msgspec.Struct, gc=False):
    """An annotation whose fields may have any type; what only some files hold is kept as text of the file."""

    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = msgspec.UNSET
    area: Any = None
    iscrowd: Any = None
    score: Any = None
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    segments_info: msgspec.Raw = msgspec.Raw(b"null")
    caption: msgspec.Raw = msgspec.Raw(b"null")


class LooseCategory(msgspec.Struct):
    """A class whose fields may have any type."""

    id: Any = None
    name: Any = None
    supercategory: Any = None


class LooseInstances(msgspec.Struct):
    """A file with the three lists, whatever their records hold."""

    images: list[LooseImage]
    annotations: list[LooseAnnotation]
    categories: list[LooseCategory]


@dataclass(frozen=True)
class Objects:
    """Columns of n annotations, in the order of the file."""

    id: np.ndarray  # [n] int64
    image_id: np.ndarray  # [n] int64
    category_id: np.ndarray  # [n] int32
    box: np.ndarray  # [4, n] float32: x, y, width, height; NaN where they are no box
    area: np.ndarray  # [n] float32; the box's where none is given, NaN without either
    iscrowd: np.ndarray  # [n] bool
    wrong_rows: np.ndarray  # [k] rows whose boxes have no size
    wrong_boxes: np.ndarray  # [k, 4] float64: these boxes as they were given

    @staticmethod
    def of(annotations: list[Annotation]) -> "Objects":
        """The columns of parsed records."""
        n = len(annotations)

        def column(name: str) -> Iterator:
            return map(attrgetter(name), annotations)  # half the time of a loop

        box = np.fromiter(chain.from_iterable(column("bbox")), np.float64, 4 * n).reshape(n, 4)
        try:
            area = np.fromiter(column("area"), np.float64, n)
        except TypeError:  # not all have one
            area = np.array(list(column("area")), np.float64)  # None becomes NaN
        with np.errstate(over="ignore", invalid="ignore"):
            # As the tables hold it, in single precision: what is 0 or infinite there is no size.
            single, own_area = np.ascontiguousarray(box.T, np.float32), (box[:, 2] * box[:, 3]).astype(np.float32)
            wrong = ~np.isfinite(single).all(0) | ~np.isfinite(own_area) | (single[2:] <= 0).any(0)
            wrong_rows = np.flatnonzero(wrong)
            single[:, wrong] = own_area[wrong] = np.nan
            area = area.astype(np.float32)
            area = np.where(np.isfinite(area) & (area >= 0), area, own_area)
        return Objects(
            id=np.fromiter(column("id"), np.int64, n),
            image_id=np.fromiter(column("image_id"), np.int64, n),
            category_id=np.fromiter(column("category_id"), np.int32, n),
            box=single,
            area=area,
            iscrowd=np.fromiter(column("iscrowd"), bool, n),
            wrong_rows=wrong_rows,
            wrong_boxes=box[wrong_rows],
        )

    @staticmethod
    def joined(parts: Iterable["Objects"]) -> "Objects":
        """One after another."""
        columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        rows = 0
        for part in parts:
            for name, arrays in columns.items():
                arrays.append(part.wrong_rows + rows if name == "wrong_rows" else getattr(part, name))
            rows += len(part.id)
        # One column after another, so that only one is there twice.
        joined = {name: np.concatenate(columns.pop(name), axis=-1 if name == "box" else 0) for name in COLUMNS}
        return Objects(**joined)


COLUMNS = ("id", "image_id", "category_id", "box", "area", "iscrowd", "wrong_rows", "wrong_boxes")
