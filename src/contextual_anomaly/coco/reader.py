"""COCO annotation files: official JSON in, checked columns out."""

import logging
import mmap
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.coco.chunks import PART_BYTES, NotCut, read_in_parts
from contextual_anomaly.coco.records import Category, Image, Instances, Objects
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.arrow import from_numpy, from_texts
from contextual_anomaly.runtime.atomic import require_file
from contextual_anomaly.runtime.paths import escapes_directory

logger = logging.getLogger(__name__)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a UTF-8 file with it


def read_instances(
    path: str | Path, processes: int = 1, part_bytes: int = PART_BYTES
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Read and check an official COCO instances file.

    Args:
        processes: how many parse; they change no result.
        part_bytes: of the text that a process parses at a time; a file of less than two parts is read in one piece.

    Returns:
        annotations, images and categories as tables of `tables.ANNOTATIONS`, `tables.IMAGES`, `tables.CATEGORIES`.

    Raises:
        UserError: naming the file, the record and the field, and what was expected.
    """
    path = require_file(path, "a COCO annotation file (instances_*.json)")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, a COCO annotation file was expected.")
    # Mapped, not read: what is parsed and not kept takes no memory. Unmapped with the last match that looks into it.
    with path.open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(BYTE_ORDER_MARK) if text[:3] == BYTE_ORDER_MARK else 0
    try:
        try:
            lists, objects = read_in_parts(path, text, start, processes, partial(_check_lists, path), part_bytes)
        except NotCut:
            with memoryview(text) as whole, whole[start:] as body:
                instances = msgspec.json.decode(body, type=Instances)
            objects = Objects.of(instances.annotations)
            lists = _check_lists(path, instances)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {_explain(str(error))}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid JSON: a text in it is not UTF-8 ({error.reason}).") from error
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            problem = f"{error} (the file is cut off: download or copy it again)"
        else:
            problem = f"{error}{_surroundings(text, start, str(error))}"
        raise UserError(f"{path}: not valid JSON: {problem}.") from error
    return _check_objects(path, objects, lists), lists.images, lists.categories


def _surroundings(text: mmap.mmap, start: int, message: str) -> str:
    """The record that holds the byte of a parser's message, as far as that byte; NaN and Infinity are the usual cause."""
    found = re.search(r"byte (\d+)", message)
    if not found:
        return ""
    byte = start + int(found[1])
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


@dataclass(frozen=True)
class _Lists:
    """Images and categories, checked."""

    image_ids: np.ndarray
    images: pa.Table
    category_ids: np.ndarray
    categories: pa.Table


def _check_lists(path: Path, instances: Instances) -> _Lists:
    """Columns of images and categories, or the first record that is wrong. The images' records are gone afterwards."""
    if not instances.categories:
        raise UserError(f"{path}: categories is empty, at least one class was expected.")
    if not instances.images:
        raise UserError(f"{path}: images is empty, at least one image was expected.")
    image_ids = np.array([i.id for i in instances.images], np.int64)
    category_ids = np.array([c.id for c in instances.categories], np.int64)
    _no_duplicates(path, "images", image_ids)
    _no_duplicates(path, "categories", category_ids)
    for row, image in enumerate(instances.images):
        if escapes_directory(image.file_name):
            raise UserError(
                f"{path}: images record {row} (id {image.id}): file_name {image.file_name!r} points outside the folder of "
                "images; a name within it was expected."
            )
    names = [c.name for c in instances.categories]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise UserError(f"{path}: categories: the name {twice!r} is given to two classes, names must differ.")
    lists = _Lists(image_ids, _image_table(instances.images), category_ids, _category_table(instances.categories))
    instances.images.clear()  # of ten million, they take more memory than all else
    return lists


def _check_objects(path: Path, objects: Objects, lists: _Lists) -> pa.Table:
    """The annotations as a table, or the first record that is wrong."""
    if not len(objects.id):
        raise UserError(f"{path}: annotations is empty, at least one object was expected.")
    _no_duplicates(path, "annotations", objects.id)

    def refuse(bad: np.ndarray, explain) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise UserError(f"{path}: annotations record {row} (id {objects.id[row]}): {explain(row)}")

    refuse(
        ~np.isin(objects.image_id, lists.image_ids),
        lambda row: f"image_id {objects.image_id[row]} is not among the images.",
    )
    refuse(
        ~np.isin(objects.category_id, lists.category_ids),
        lambda row: f"category_id {objects.category_id[row]} is not among the categories.",
    )
    if objects.wrong_box:
        # As in COCO's own instances_train2017.json: image and class are known, which is what scenes are made of.
        row, box = objects.wrong_box
        logger.info(
            f"{path}: {np.isnan(objects.box[2]).sum():,} of {len(objects.id):,} objects have a box without a size; they count "
            f"for their class and have no geometry. The first is annotations record {row} (id {objects.id[row]}): bbox {box}."
        )

    order = _order(objects.image_id)
    columns = (objects.image_id, objects.category_id, *objects.box, objects.area, objects.iscrowd)
    return _table(tables.ANNOTATIONS, *(column[order] for column in columns))


def _image_table(images: list[Image]) -> pa.Table:
    images = sorted(images, key=lambda i: i.id)
    return _table(
        tables.IMAGES,
        [i.id for i in images],
        [i.file_name for i in images],
        [i.width for i in images],
        [i.height for i in images],
        [i.coco_url for i in images],
        [i.flickr_url for i in images],
    )


def _category_table(categories: list[Category]) -> pa.Table:
    categories = sorted(categories, key=lambda c: c.id)
    return _table(
        tables.CATEGORIES,
        [c.id for c in categories],
        [c.name for c in categories],
        [c.supercategory for c in categories],
    )


def _table(schema: pa.Schema, *columns: np.ndarray | list) -> pa.Table:
    arrays = [
        from_texts(column) if pa.types.is_string(type) else from_numpy(np.asarray(column), type)
        for column, type in zip(columns, schema.types, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def _no_duplicates(path: Path, field: str, ids: np.ndarray) -> None:
    values = ids[_order(ids)]
    again = values[1:][values[1:] == values[:-1]]
    if len(again):
        rows = np.flatnonzero(ids == again[0])[:2].tolist()
        raise UserError(
            f"{path}: {field} records {rows[0]} and {rows[1]} have the same id {again[0]}, ids must differ."
        )


def _order(ids: np.ndarray) -> np.ndarray:
    """As `np.argsort(ids, kind="stable")` of ids of 0 and more, by 16 bits at a time: NumPy counts those, seven times as fast."""
    bits = range(0, max(int(ids.max()).bit_length(), 1), 16)
    return np.lexsort([(ids >> shift).astype(np.uint16) for shift in bits])
