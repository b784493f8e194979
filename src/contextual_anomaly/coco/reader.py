"""COCO annotation files: JSON in, checked columns out.

A file whose records are as the format says is decoded by types, in several processes, and its columns are looked at as a
whole. Where a record is written otherwise, or something is wrong, the file is decoded once more, into loose records, and
`normalize` reads what can be read and counts what cannot. The two give the same tables of the same records.
"""

import json
import math
import mmap
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.coco.chunks import PART_BYTES, NotCut, read_in_parts
from contextual_anomaly.coco.normalize import (
    Reading,
    annotation_table,
    checked_table,
    make_table,
    note_not_exhaustive,
    read_records,
    wrong_size,
)
from contextual_anomaly.coco.problems import NO_GEOMETRY, ReadingReport
from contextual_anomaly.coco.records import Category, Image, Instances, LooseInstances, Objects
from contextual_anomaly.coco.values import CONTROL
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file
from contextual_anomaly.runtime.paths import are_plain, escapes_directory

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a UTF-8 file with it


NOT_FINITE = re.compile(rb".?(NaN|Infinity)", re.DOTALL)


class NotJson(Exception):
    """The text is not JSON, not even with NaN and Infinity; the message says where it stops to be."""


class _Irregular(Exception):
    """The fields have the expected types, and something is wrong or unusual all the same."""


def read_instances(
    path: str | Path, processes: int = 1, part_bytes: int = PART_BYTES
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Read a COCO instances file.

    >>> import json
    >>> from pathlib import Path
    >>> import contextual_anomaly as ca
    >>> image = {"id": 7, "file_name": "7.jpg", "width": 640, "height": 480}
    >>> cup = {"id": 1, "image_id": 7, "category_id": 47, "bbox": [10, 20, 30, 40]}
    >>> classes = [{"id": 47, "name": "cup"}]
    >>> text = json.dumps({"images": [image], "annotations": [cup], "categories": classes})
    >>> size = Path("instances.json").write_text(text)
    >>> annotations, images, categories = ca.read_coco("instances.json")
    >>> annotations.num_rows, categories["name"].to_pylist()
    (1, ['cup'])

    Args:
        path: the JSON file.
        processes: how many parse; they change no result.
        part_bytes: of the text that a process parses at a time; a file of less than two parts is read in one piece.

    Returns:
        annotations, images and categories as tables of `tables.ANNOTATIONS`, `tables.IMAGES`, `tables.CATEGORIES`.

    Raises:
        UserError: naming the file and all that makes it unusable.
    """
    path = require_file(path, "a COCO annotation file (instances_*.json)")
    try:
        reading = read_coco(path, ReadingReport(str(path)), processes, part_bytes)
    except NotJson as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error
    reading.report.log()
    return reading.annotations, reading.images, reading.categories


def read_coco(
    path: Path,
    report: ReadingReport,
    processes: int = 1,
    part_bytes: int = PART_BYTES,
    image_folder: Path | None = None,
    strict: bool = False,
    recognise: Callable[[Any], tuple[Any, Collection[str]]] = lambda content: (content, ()),
) -> Reading:
    """Read a COCO instances file, and note in ``report`` all that is unusual; see `read_instances`.

    Args:
        path: the JSON file.
        report: its name is that of the file in messages; what is noticed is added to it.
        processes: how many parse; they change no result.
        part_bytes: of the text that a process parses at a time.
        image_folder: where the size of an image is looked up that the file does not give.
        strict: whether what would be left out or read in part is refused.
        recognise: turns decoded JSON of another kind into COCO's, and says what the format lacks (see `read_records`).

    Raises:
        NotJson: the text is not JSON.
        UserError: naming the file and all that makes it unusable.
    """
    if path.stat().st_size == 0:
        raise UserError(f"{report.name}: the file is empty, annotations were expected.")
    # Mapped, not read: what is parsed and not kept takes no memory. Unmapped with the last match that looks into it.
    with path.open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(BYTE_ORDER_MARK) if text[:3] == BYTE_ORDER_MARK else 0
    try:
        try:
            lists, objects = read_in_parts(path, text, start, processes, _regular_lists, part_bytes)
        except NotCut:
            with memoryview(text) as whole, whole[start:] as body:
                instances = msgspec.json.decode(body, type=Instances)
            objects, lists = Objects.of(instances.annotations), _regular_lists(instances)
        return _regular_reading(objects, lists, report, strict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Irregular):
        pass
    content = decode_loosely(text, start, report)
    lacks: Collection[str] = ()
    if not isinstance(content, LooseInstances):
        content, lacks = recognise(content)
    return read_records(content, report, image_folder, strict, lacks)


def decode_loosely(text: mmap.mmap, start: int, report: ReadingReport) -> Any:
    """Decode any JSON, with the outlines of a COCO file as text where possible.

    Raises:
        NotJson: it is none, even where NaN and Infinity, which JSON lacks and Python writes, are taken.
    """
    try:
        body = memoryview(text)[start:]  # the outlines that are kept as text look into it
        msgspec.json.decode(body, type=msgspec.Raw)  # what is no JSON is found before anything is built of it
        try:
            return msgspec.json.decode(body, type=LooseInstances)
        except msgspec.ValidationError:
            return msgspec.json.decode(body)
    except msgspec.ValidationError:
        pass  # a number is out of range, which Python reads as infinity
    except msgspec.DecodeError as error:
        found = re.search(r"byte (\d+)", str(error))
        at = start + int(found[1]) if found else len(text)
        if not NOT_FINITE.match(text[max(at - 1, start) : at + 10]):
            raise NotJson(_explain(str(error), text, start, at)) from error
    except UnicodeDecodeError:
        pass  # Python says where
    except RecursionError as error:
        raise NotJson("it is nested too deeply.") from error
    return _decode_as_python(text, start, report)


def _decode_as_python(text: mmap.mmap, start: int, report: ReadingReport) -> Any:
    """Decode JSON with NaN and Infinity in it, which Python writes."""
    found: list[str] = []

    def constant(name: str) -> float:
        found.append(name)
        return float(name)

    try:
        content = json.loads(text[start:].decode(), parse_constant=constant)
    except UnicodeDecodeError as error:
        before = text[max(start + error.start - 40, start) : start + error.start].decode(errors="replace")
        raise NotJson(f"a text in it is not UTF-8, after {before!r}; save it as UTF-8.") from error
    except RecursionError as error:
        raise NotJson("it is nested too deeply.") from error
    except json.JSONDecodeError as error:
        at = start + len(error.doc[: error.pos].encode())
        raise NotJson(_explain(error.msg, text, start, at)) from error
    except ValueError as error:
        raise NotJson(f"a number in it has too many digits ({error}).") from error
    if found:
        where = _first_not_finite(content)
        report.note(
            "number_not_finite", where, f"{found[0]}, which JSON does not have", "read as Python does", len(found)
        )
    return content


def _explain(message: str, text: mmap.mmap, start: int, at: int) -> str:
    """Where, by byte ``at``, and why a text stops to be JSON."""
    if "truncated" in message or at >= len(text):
        return "it is cut off (truncated): download or copy it again."
    near = text[max(at - 60, start) : at + 10].decode(errors="replace")
    where = f"at line {text[start:at].count(10) + 1}, near {near!r}."
    if "trailing comma" in message:
        return f"there is a comma too many {where}"
    if "trailing characters" in message or message == "Extra data":
        return f"a second document begins {where} One was expected."
    what = re.sub(r"^JSON is malformed: | \(byte \d+\)$", "", message)
    return f"{what} {where}"


def _first_not_finite(content: Any) -> str:
    """The first record that holds NaN or infinity."""
    lists = content if isinstance(content, dict) else {}
    for name, records in lists.items():
        for row, record in enumerate(records if isinstance(records, list) else ()):
            if _is_not_finite(record):
                fields = record if isinstance(record, dict) else {}
                field = next((f", field {field}" for field, value in fields.items() if _is_not_finite(value)), "")
                return f"{name} record {row}{field}"
    return ""


def _is_not_finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_is_not_finite, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


@dataclass(frozen=True)
class _Lists:
    """Images and categories of a file that is as the format says."""

    image_ids: np.ndarray
    images: pa.Table
    category_ids: np.ndarray
    categories: pa.Table
    checked: list[tuple[int, list[int]]] | None  # image and classes that are absent, of LVIS


def _regular_lists(instances: Instances) -> _Lists:
    """Columns of images and categories. The images' records are gone afterwards.

    Raises:
        _Irregular: something is to be said of them.
    """
    images, categories = instances.images, instances.categories
    image_ids = np.array([i.id for i in images], np.int64)
    category_ids = np.array([c.id for c in categories], np.int64)
    names = [c.name for c in categories]
    if (
        not len(images)
        or not len(categories)
        or _has_duplicates(image_ids)
        or _has_duplicates(category_ids)
        or len(set(names)) < len(names)
        or any(not name.strip() or CONTROL.search(name) for name in names)
    ):
        raise _Irregular
    for image in images:
        if not image.file_name:
            image.file_name = (image.coco_url or image.flickr_url or "").partition("?")[0].rpartition("/")[2]
    files = [image.file_name or "" for image in images]
    if not are_plain(files) and any(not name or "\\" in name or escapes_directory(name) for name in files):
        raise _Irregular
    partial = any(i.neg_category_ids is not None or i.not_exhaustive_category_ids is not None for i in images)
    lists = _Lists(
        image_ids,
        _image_table(images),
        category_ids,
        _category_table(categories),
        [(i.id, i.neg_category_ids or []) for i in images] if partial else None,
    )
    images.clear()
    return lists


def _regular_reading(objects: Objects, lists: _Lists, report: ReadingReport, strict: bool) -> Reading:
    """The tables of a file whose records are all sound, but for boxes without a size as in COCO's own train2017."""
    if (
        not len(objects.id)
        or _has_duplicates(objects.id)
        or not np.isin(objects.image_id, lists.image_ids).all()
        or not np.isin(objects.category_id, lists.category_ids).all()
        or (objects.wrong_boxes == 0).all(1).any()  # emptied objects, if the segmentation is empty as well
    ):
        raise _Irregular
    for row, box in zip(objects.wrong_rows.tolist(), objects.wrong_boxes.tolist(), strict=True):
        report.add(wrong_size(box), f"annotations record {row} (id {objects.id[row]})", f"bbox {box}", NO_GEOMETRY)
    report.check(strict)
    annotations = annotation_table(
        objects.image_id, objects.category_id, objects.box, objects.area, objects.iscrowd, objects.id, None
    )
    checked = _checked(objects, lists)
    if checked is not None:
        note_not_exhaustive(report, lists.images.num_rows)
    return Reading(annotations, lists.images, lists.categories, checked, report)


def _checked(objects: Objects, lists: _Lists) -> pa.Table | None:
    if lists.checked is None:
        return None
    known = set(lists.category_ids.tolist())
    pairs = set(zip(objects.image_id.tolist(), objects.category_id.tolist(), strict=True))
    pairs.update((image, category) for image, absent in lists.checked for category in absent if category in known)
    return checked_table(pairs)


def _image_table(images: list[Image]) -> pa.Table:
    images = sorted(images, key=attrgetter("id"))
    return make_table(
        tables.IMAGES,
        [i.id for i in images],
        [i.file_name or "" for i in images],
        [i.width for i in images],
        [i.height for i in images],
        [i.coco_url or "" for i in images],
        [i.flickr_url or "" for i in images],
        None,
    )


def _category_table(categories: list[Category]) -> pa.Table:
    categories = sorted(categories, key=lambda c: c.id)
    return make_table(
        tables.CATEGORIES,
        [c.id for c in categories],
        [c.name for c in categories],
        [c.supercategory or "" for c in categories],
        None,
    )


def _has_duplicates(ids: np.ndarray) -> bool:
    values = np.sort(ids)  # NumPy sorts numbers several at once, faster than it finds their order
    return bool((values[1:] == values[:-1]).any())
