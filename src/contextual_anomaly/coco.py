"""COCO annotation files: official JSON in, checked columns out.

The parser (msgspec) is given the types of the fields that are used and skips the rest, polygons above all,
so that a file of several hundred megabytes is read in seconds and without building it as Python objects.
"""

import math
import mmap
import re
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.file_names import leaves_folder
from contextual_anomaly.files import require_file

Id = Annotated[int, msgspec.Meta(ge=0)]


class Image(msgspec.Struct, gc=False):
    """One entry of `images`."""

    id: Id
    file_name: str
    width: Annotated[int, msgspec.Meta(gt=0)]
    height: Annotated[int, msgspec.Meta(gt=0)]
    coco_url: str = ""
    flickr_url: str = ""


class Annotation(msgspec.Struct, gc=False):
    """One entry of `annotations`; the segmentation is not read."""

    id: Id
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int = 0


class Category(msgspec.Struct, gc=False):
    """One entry of `categories`."""

    id: Id
    name: str
    supercategory: str = ""


class Instances(msgspec.Struct):
    """An `instances_*.json` file."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


def read_instances(path: str | Path) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Read and check an official COCO instances file.

    Returns:
        annotations, images and categories as tables of `tables.ANNOTATIONS`, `tables.IMAGES`, `tables.CATEGORIES`.

    Raises:
        UserError: naming the file, the record and the field, and what was expected.
    """
    path = require_file(path, "a COCO annotation file (instances_*.json)")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, a COCO annotation file was expected.")
    # Mapped, not read: the parser's peak memory then is its own structs, not structs and text.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        try:
            instances = msgspec.json.decode(text, type=Instances)
        except msgspec.ValidationError as error:
            raise UserError(f"{path}: {_explain(str(error))}") from error
        except msgspec.DecodeError as error:
            if "truncated" in str(error):
                problem = f"{error} (the file is cut off: download or copy it again)"
            else:
                problem = f"{error}{_surroundings(text, str(error))}"
            raise UserError(f"{path}: not valid JSON: {problem}.") from error
    return _check(path, instances)


def _surroundings(text: mmap.mmap, message: str) -> str:
    """The record that holds the byte of a parser's message, as far as that byte; NaN and Infinity are the usual cause."""
    found = re.search(r"byte (\d+)", message)
    if not found:
        return ""
    byte = int(found[1])
    before = text[max(byte - 400, 0) : byte]
    record = before[max(before.rfind(b"{"), 0) :] + text[byte : byte + 10]
    return f", at {record.decode(errors='replace')!r} (numbers must be finite, JSON has no NaN)"


def _explain(message: str) -> str:
    """msgspec's message with the record counted in words: `$.annotations[3].bbox` → annotations record 3, field bbox."""
    found = re.match(r"(?P<what>.*?) - at `\$\.?(?P<list>\w+)?(\[(?P<row>\d+)\])?\.?(?P<field>.*)`", message)
    if not found or not found["list"]:
        return f"not a COCO annotation file: {message} (images, annotations and categories were expected)."
    where = found["list"]
    if found["row"] is not None:
        where += f" record {found['row']}"
    if found["field"]:
        where += f", field {found['field']}"
    return f"{where}: {found['what']}."


def _check(path: Path, instances: Instances) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Columns of the three lists, or the first record that is wrong."""
    if not instances.categories:
        raise UserError(f"{path}: categories is empty, at least one class was expected.")
    if not instances.images:
        raise UserError(f"{path}: images is empty, at least one image was expected.")
    if not instances.annotations:
        raise UserError(f"{path}: annotations is empty, at least one object was expected.")
    image_ids = np.array([i.id for i in instances.images], np.int64)
    category_ids = np.array([c.id for c in instances.categories], np.int64)
    _no_duplicates(path, "images", image_ids)
    _no_duplicates(path, "categories", category_ids)
    _no_duplicates(path, "annotations", np.array([a.id for a in instances.annotations], np.int64))
    for row, image in enumerate(instances.images):
        if leaves_folder(image.file_name):
            raise UserError(
                f"{path}: images record {row} (id {image.id}): file_name {image.file_name!r} points outside the folder of "
                "images; a name within it was expected."
            )
    names = [c.name for c in instances.categories]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise UserError(f"{path}: categories: the name {twice!r} is given to two classes, names must differ.")

    annotations = instances.annotations
    of_image = np.array([a.image_id for a in annotations], np.int64)
    of_category = np.array([a.category_id for a in annotations], np.int64)
    box = np.array([a.bbox for a in annotations], np.float64)

    def refuse(bad: np.ndarray, say) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise UserError(f"{path}: annotations record {row} (id {annotations[row].id}): {say(annotations[row])}")

    refuse(~np.isin(of_image, image_ids), lambda a: f"image_id {a.image_id} is not among the images.")
    refuse(~np.isin(of_category, category_ids), lambda a: f"category_id {a.category_id} is not among the categories.")
    refuse(
        ~np.isfinite(box).all(1) | (box[:, 2:] <= 0).any(1),
        lambda a: f"bbox {list(a.bbox)}: [x, y, width, height] with width and height above 0 was expected.",
    )
    area = np.array([math.nan if a.area is None else a.area for a in annotations], np.float64)
    area = np.where(np.isnan(area), box[:, 2] * box[:, 3], area)

    order = np.argsort(of_image, kind="stable")
    annotation_table = pa.table(
        [
            of_image[order],
            of_category[order].astype(np.int32),
            *(box[order].astype(np.float32).T),
            area[order].astype(np.float32),
            np.array([a.iscrowd for a in annotations], bool)[order],
        ],
        schema=tables.ANNOTATIONS,
    )
    image_rows = sorted(instances.images, key=lambda i: i.id)
    image_table = pa.table(
        [
            [i.id for i in image_rows],
            [i.file_name for i in image_rows],
            [i.width for i in image_rows],
            [i.height for i in image_rows],
            [i.coco_url for i in image_rows],
            [i.flickr_url for i in image_rows],
        ],
        schema=tables.IMAGES,
    )
    category_rows = sorted(instances.categories, key=lambda c: c.id)
    category_table = pa.table(
        [[c.id for c in category_rows], [c.name for c in category_rows], [c.supercategory for c in category_rows]],
        schema=tables.CATEGORIES,
    )
    return annotation_table, image_table, category_table


def _no_duplicates(path: Path, field: str, ids: np.ndarray) -> None:
    values, count = np.unique(ids, return_counts=True)
    if (count > 1).any():
        twice = values[count > 1][0]
        rows = np.flatnonzero(ids == twice)[:2].tolist()
        raise UserError(f"{path}: {field} records {rows[0]} and {rows[1]} have the same id {twice}, ids must differ.")
