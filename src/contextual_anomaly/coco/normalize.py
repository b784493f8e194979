"""Tables of records that are written in another way than COCO's: everything that is wrong is counted, what can be read is.

`reader` decodes a file that is as the format says and never comes here. Readers of other formats bring their records into
the shape of COCO's and come here as well, so that all of them say the same of the same mistake.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.coco.pictures import find_picture, picture_size
from contextual_anomaly.coco.problems import LEFT_OUT, NO_GEOMETRY, ReadingReport
from contextual_anomaly.coco.values import CONTROL, file_name, flag, identity, integer, number, text
from contextual_anomaly.runtime.arrow import from_numpy, from_texts

logger = logging.getLogger(__name__)

LARGEST_ID = 2**63 - 1
LARGEST_CATEGORY_ID = LARGEST_LENGTH = 2**31 - 1
FIELDS = {
    "images": ("id", "file_name", "width", "height", "coco_url", "flickr_url", "neg_category_ids", "not_exhaustive_category_ids"),
    "annotations": ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "score", "segmentation", "segments_info", "caption"),
    "categories": ("id", "name", "supercategory"),
}  # fmt: skip
ACCEPTED = "a file with the lists images, annotations and categories, each with at least one record, is accepted"


@dataclass(frozen=True)
class Reading:
    """What was read from a file or folder, and what was noticed."""

    annotations: pa.Table  # tables.ANNOTATIONS
    images: pa.Table  # tables.IMAGES
    categories: pa.Table  # tables.CATEGORIES
    checked: pa.Table | None  # tables.CHECKED, or None where every class was looked for in every image
    report: ReadingReport


def read_records(
    content: Any,
    report: ReadingReport,
    image_folder: Path | None = None,
    strict: bool = False,
    lacks: Collection[str] = (),
) -> Reading:
    """Make tables of decoded records.

    Args:
        content: a dictionary, or anything with attributes, of the lists images, annotations and categories.
        report: what is noticed is added to it.
        image_folder: where the size of an image is looked up that the records do not give.
        strict: whether what would be left out or read in part is refused.
        lacks: of "id", "bbox" and "size", what this format does not have, so that its absence is nothing to report.

    Raises:
        UserError: the records cannot be used; all that is wrong with them is named.
    """
    lists = {name: _columns(content, name, report) for name in FIELDS}
    _other_kinds_of_annotations(lists["annotations"], report)
    images = _images(lists["images"], report, image_folder, "size" in lacks)
    categories = _categories(lists["categories"], report)
    annotations = tables.empty_table(tables.ANNOTATIONS)
    # Where a list is missing or these are other annotations, what the objects lack follows from that.
    if not report.refusals.keys() - {"image_id_twice", "category_id_twice"}:
        annotations = _annotations(lists["annotations"], images, categories, report, lacks)
    report.check(strict)
    checked = _checked(lists["images"], images, categories, annotations)
    if checked is not None:
        note_not_exhaustive(report, images.table.num_rows)
    return Reading(annotations, images.table, categories.table, checked, report)


def _columns(content: Any, name: str, report: ReadingReport) -> dict[str, list]:
    """The fields of a list's records, each as a column; and under "row" the records' numbers."""
    records = content.get(name) if isinstance(content, dict) else getattr(content, name, None)
    columns: dict[str, list] = {field: [] for field in ("row", *FIELDS[name])}
    if not isinstance(records, list) or not records:
        found = "is empty" if records == [] else f"is {records!r}" if records is not None else "is missing or null"
        report.refuse(f"{name}_missing", "", f"{name} {found}", ACCEPTED)
        return columns
    for row, record in enumerate(records):
        if isinstance(record, dict):
            values = [record.get(field) for field in FIELDS[name]]
            if name == "annotations" and "bbox" not in record:
                values[3] = msgspec.UNSET
        elif isinstance(record, msgspec.Struct):
            values = [getattr(record, field) for field in FIELDS[name]]
        else:
            report.add(f"{name}_no_record", f"{name} record {row}", record, f"{LEFT_OUT}, a JSON object was expected")
            continue
        for column, value in zip(columns.values(), [row, *values], strict=True):
            column.append(value)
    return columns


def _other_kinds_of_annotations(columns: dict[str, list], report: ReadingReport) -> None:
    """Refuse files of COCO's other tasks, whose annotations are no objects."""
    for field, kind, what in (
        (
            "segments_info",
            "panoptic",
            "COCO panoptic annotations; instances are accepted, panopticapi converts to them",
        ),
        (
            "caption",
            "captions",
            "COCO captions, which name no objects; instances_*.json of the same images is accepted",
        ),
    ):
        given = [row for row, value, box in zip(columns["row"], columns[field], columns["bbox"], strict=True)
                 if not _is_null(value) and not isinstance(box, list)]  # fmt: skip
        if given:
            report.refuse(kind, f"annotations record {given[0]}", f"a field {field}", f"these are {what}", len(given))


@dataclass(frozen=True)
class _Known:
    """Images or classes: their table, and the number of each id as it is compared."""

    table: pa.Table
    numbers: dict[int | str | None, int]


def _numbers(columns: dict[str, list], name: str, largest: int, report: ReadingReport) -> dict[int | str | None, int]:
    """Number of each id, in the order of the file: the id itself, or a new number where no column can hold it."""
    keys = dict.fromkeys(key for key in map(identity, columns["id"]) if key is not None)
    fits = {key for key in keys if isinstance(key, int) and 0 <= key <= largest}
    following = max(fits, default=0) + 1
    if following + len(keys) - len(fits) > largest:  # beside ids at the very end of the range
        following = next(n for n in range(1, largest) if n not in fits)
    numbers: dict[int | str | None, int] = {}
    for key in keys:
        if key in fits:
            numbers[key] = key
        else:
            while following in fits:
                following += 1
            numbers[key], following = following, following + 1
    odd = [key for key in keys if key not in fits]
    if odd:
        report.note(f"{name}_id_numbered", f"{name} with id {odd[0]!r}", f"id {odd[0]!r}",
                    "numbered in the order of the file; outputs give it back as original_id", len(odd))  # fmt: skip
    return numbers


def _original(value: Any, given: int) -> str | None:
    """What an output gives back of an id: its text where it was text or got another number."""
    return text(value) if isinstance(value, str) else None if integer(value) == given else text(value)


def _digits_as_text(columns: dict[str, list], name: str, field: str, report: ReadingReport) -> None:
    rows = [row for row, value in zip(columns["row"], columns[field], strict=True)
            if isinstance(value, str) and isinstance(identity(value), int)]  # fmt: skip
    if rows:
        at = columns["row"].index(rows[0])
        report.note(f"{name}_{field}_text", f"{name} record {rows[0]}", f"{field} {columns[field][at]!r}",
                    "text stands where a number is; read as the number", len(rows))  # fmt: skip


def _images(columns: dict[str, list], report: ReadingReport, image_folder: Path | None, sizeless: bool) -> _Known:
    """The images, sorted by number."""
    numbers = _numbers(columns, "images", LARGEST_ID, report)
    _digits_as_text(columns, "images", "id", report)
    rows: dict[int, tuple] = {}
    for row, given, *fields in zip(columns["row"], *(columns[f] for f in FIELDS["images"]), strict=True):
        record = f"images record {row} (id {given!r})"
        key = identity(given)
        if key is None:
            report.add("image_without_id", record, f"id {given!r}", f"{LEFT_OUT}, with its objects")
            continue
        name, width, height, coco_url, flickr_url = fields[:5]
        urls = [value if isinstance(value, str) else "" for value in (coco_url, flickr_url)]
        named = _image_name(name, [text(url) for url in urls], record, report)
        size = tuple(_length(side) for side in (width, height))
        if not all(size) and (found := _header_size(image_folder, named)):
            report.note("image_size_from_picture", record, f"width {width!r}, height {height!r}",
                        "the size is taken from the picture's header")  # fmt: skip
            size = found
        elif not all(size) and sizeless:
            size = (0, 0)
        elif not all(size):
            report.add("image_size_unknown", record, f"width {width!r}, height {height!r}",
                       "its objects count for their classes and have no geometry; give width and height in pixels, or "
                       "the pictures (dataset.val_images)")  # fmt: skip
            size = (0, 0)
        image = (named, *size, *(text(url) for url in urls), _original(given, numbers[key]))
        seen = rows.setdefault(numbers[key], image)
        if seen is not image:
            if seen[0] == image[0]:
                report.add("image_twice", record, f"file_name {named!r}", "taken as one image with its first record")
            else:
                report.refuse("image_id_twice", record, f"images {seen[0]!r} and {named!r} have the same id {given!r}",
                              "ids that differ are accepted")  # fmt: skip
    if not rows and columns["row"]:
        report.refuse("images_missing", "", "no image has an id", ACCEPTED)
    order = sorted(rows)
    columns_of = zip(*(rows[n] for n in order), strict=True) if order else [[]] * (len(tables.IMAGES) - 1)
    return _Known(make_table(tables.IMAGES, order, *columns_of), numbers)


def _image_name(name: Any, urls: Sequence[str], record: str, report: ReadingReport) -> str:
    """A name within the folder of images."""
    given = text(name)
    if not given:
        url = next(filter(None, urls), "")
        given = url.partition("?")[0].rpartition("/")[2]
        if not given:
            report.add("file_name_missing", record, f"file_name {name!r}", "its picture is not looked for")
    named = file_name(given)
    if named != given:
        kind = "file_name_backslash" if named == given.replace("\\", "/") else "file_name_outside"
        report.note(kind, record, f"file_name {given!r}", f"read as {named!r}, a name within the folder of images")
    return named


def _length(value: Any) -> int:
    """A side in pixels; 0 where it is none."""
    side = number(value)
    return int(side) if side is not None and 1 <= side <= LARGEST_LENGTH else 0


def _header_size(folder: Path | None, name: str) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown, from its header alone."""
    path = find_picture(folder, name)
    return None if path is None else picture_size(path)


def _categories(columns: dict[str, list], report: ReadingReport) -> _Known:
    """The classes, sorted by number; two of one name are one."""
    numbers = _numbers(columns, "categories", LARGEST_CATEGORY_ID, report)
    _digits_as_text(columns, "categories", "id", report)
    rows: dict[int, tuple] = {}
    by_name: dict[str, tuple[int, Any]] = {}
    for row, given, name, above in zip(columns["row"], *(columns[f] for f in FIELDS["categories"]), strict=True):
        record = f"categories record {row} (id {given!r})"
        key = identity(given)
        if key is None:
            report.add("category_without_id", record, f"id {given!r}", f"{LEFT_OUT}, with its objects")
            continue
        named = CONTROL.sub(" ", text(name))
        if not named.strip():
            named = f"category {given}"
            report.add("category_name_missing", record, f"name {name!r}", "the class is named by its id")
        elif named != name:
            report.note("category_name_odd", record, f"name {name!r}", f"read as {named!r}")
        if isinstance(above, list) and all(isinstance(part, str) for part in above):
            above = ", ".join(above)
        number_ = numbers[key]
        if number_ in rows:
            if rows[number_][0] == named:
                report.add("category_twice", record, f"name {named!r}", "taken as one class")
            else:
                report.refuse("category_id_twice", record, f"classes {rows[number_][0]!r} and {named!r} have the same id "
                              f"{given!r}", "ids that differ are accepted")  # fmt: skip
            continue
        if named in by_name:
            first, first_id = by_name[named]
            numbers[key] = first
            report.add("category_name_twice", record, f"ids {first_id!r} and {given!r} are both named {named!r}",
                       "taken as one class, the first")  # fmt: skip
            continue
        by_name[named] = (number_, given)
        rows[number_] = (named, text(above), _original(given, number_))
    if not rows and columns["row"]:
        report.refuse("categories_missing", "", "no class has an id", ACCEPTED)
    order = sorted(rows)
    columns_of = zip(*(rows[n] for n in order), strict=True) if order else [[]] * (len(tables.CATEGORIES) - 1)
    return _Known(make_table(tables.CATEGORIES, order, *columns_of), numbers)


def _annotations(
    columns: dict[str, list], images: _Known, categories: _Known, report: ReadingReport, lacks: Collection[str]
) -> pa.Table:
    """The objects whose image and class are known, sorted by image."""
    for field in ("image_id", "category_id"):
        _digits_as_text(columns, "annotations", field, report)
    out: dict[str, list] = {name: [] for name in ("image_id", "category_id", "area", "iscrowd", "id", "original")}
    boxes = []
    numbers = _AnnotationNumbers(columns["id"], report, "id" in lacks)
    for row, given, image_id, category_id, box, area, crowd, score, outline, *_ in zip(
        columns["row"], *(columns[field] for field in FIELDS["annotations"]), strict=True
    ):
        record = f"annotations record {row}" + ("" if given is None else f" (id {given!r})")
        image = _look_up(images, "image", image_id, record, report)
        category = _look_up(categories, "category", category_id, record, report)
        if image is None or category is None:
            continue
        if _is_emptied(box, outline):
            report.add("object_emptied", record, f"bbox {box!r} with an empty segmentation", LEFT_OUT)
            continue
        box = None if box is msgspec.UNSET and "bbox" in lacks else _box(box, outline, record, report)
        crowded = flag(crowd)
        if crowded is None:
            crowded = bool(crowd)
            report.add("iscrowd_unknown", record, f"iscrowd {crowd!r}", f"read as {int(crowded)}; 0 or 1 was expected")
        if score is not None:
            report.note("score", record, f"score {score!r}",
                        "not used: the objects are taken as annotated, though a score is what predictions have")  # fmt: skip
        known = numbers(row, given, record)
        measured = number(area)
        boxes.append(box or [np.nan] * 4)
        for column, value in zip(
            out.values(),
            (image, category, np.nan if measured is None else measured, crowded, known, _original(given, known)),
            strict=True,
        ):
            column.append(value)
    if not boxes:
        report.refuse("objects_missing", "", "no annotation has an image and a class of this file", ACCEPTED)
    box = np.array(boxes, np.float64).reshape(-1, 4)
    with np.errstate(over="ignore", invalid="ignore"):
        own, area = box[:, 2] * box[:, 3], np.array(out["area"], np.float64)
        area = np.where(np.isfinite(area.astype(np.float32)) & (area >= 0), area, own).astype(np.float32)
    return annotation_table(
        np.array(out["image_id"], np.int64), np.array(out["category_id"], np.int32), box.T.astype(np.float32),
        area, np.array(out["iscrowd"], bool), np.array(out["id"], np.int64), out["original"],
    )  # fmt: skip


class _AnnotationNumbers:
    """Gives every annotation a number of its own: its id where it has one, else its record's number or a free one."""

    def __init__(self, ids: list, report: ReadingReport, numbered: bool) -> None:
        self._of_file = {key for key in map(identity, ids) if isinstance(key, int) and 0 <= key <= LARGEST_ID}
        self._report, self._numbered = report, numbered
        self._given: set[int] = set()
        self._free = 0

    def __call__(self, row: int, given: Any, record: str) -> int:
        known = identity(given)
        if known in self._of_file and known not in self._given:
            self._given.add(known)
            return known
        if known in self._of_file:
            self._report.add("annotation_id_twice", record, f"id {given!r} is given to another annotation",
                             "both are read, this one by another number; outputs give its id back as original_id")  # fmt: skip
        elif given is not None:
            self._report.note("annotation_id_numbered", record, f"id {given!r}",
                              "numbered by its record; outputs give it back as original_id")  # fmt: skip
        elif not self._numbered:
            self._report.note("annotation_id_missing", record, "no id", "numbered by its record")
        if row in self._of_file or row in self._given:
            while self._free in self._of_file or self._free in self._given:
                self._free += 1
            row = self._free
        self._given.add(row)
        return row


def _look_up(known: _Known, what: str, value: Any, record: str, report: ReadingReport) -> int | None:
    """The number of an image or class, or None after saying why there is none."""
    key = identity(value)
    if key is None:
        found = "several values" if isinstance(value, list) else "no id"
        report.add(f"{what}_id_unknown", record, f"{what}_id {value!r} is {found}", f"{LEFT_OUT}; one id was expected")
        return None
    if key not in known.numbers:
        among = "images" if what == "image" else "categories"
        report.add(f"{what}_not_listed", record, f"{what}_id {value!r} is not among the {among}", LEFT_OUT)
        return None
    return known.numbers[key]


def _is_emptied(box: Any, outline: Any) -> bool:
    """Whether an object was deleted in a tool that left its record: all is 0 and nothing is outlined."""
    if not isinstance(box, list) or len(box) != 4 or any(number(side) != 0 for side in box):
        return False
    return _decoded(outline) in ([], [[]])


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value) == b"null")


def _decoded(outline: Any) -> Any:
    return msgspec.json.decode(outline) if isinstance(outline, msgspec.Raw) else outline


def _box(box: Any, outline: Any, record: str, report: ReadingReport) -> list[float] | None:
    """x, y, width, height; None where there is no box with a size."""
    if box is msgspec.UNSET or box is None or box == []:
        kind = {True: "box_missing", False: "box_null" if box is None else "box_empty"}[box is msgspec.UNSET]
        found = "no bbox" if box is msgspec.UNSET else f"bbox {box!r}"
        outlined = outline_box(_decoded(outline))
        if outlined:
            report.note(f"{kind}_outlined", record, found, "the box is that of the segmentation")
            return outlined
        report.add(kind, record, found, NO_GEOMETRY)
        return None
    sides = [number(side) for side in box] if isinstance(box, list) else []
    whole = [side for side in sides if side is not None]
    if len(whole) == len(sides) == 5:
        kind, action = "box_rotated", f"rotated boxes, of five numbers, are not taken: {NO_GEOMETRY}"
    elif len(sides) != 4 or len(whole) != 4:
        kind, action = "box_not_four_numbers", f"four numbers were expected: {NO_GEOMETRY}"
    else:
        kind, action = wrong_size(whole), NO_GEOMETRY
    if not kind:
        return whole
    report.add(kind, record, f"bbox {box!r}", action)
    return None


def wrong_size(box: Sequence[float]) -> str:
    """Which kind of box without a size it is, as the tables hold it in single precision; empty if it has one."""
    if all(-1e15 < side < 1e15 for side in box) and box[2] > 1e-15 and box[3] > 1e-15:
        return ""
    with np.errstate(all="ignore"):
        single = np.array(box, np.float64).astype(np.float32)
        area = np.float32(np.float64(box[2]) * np.float64(box[3]))
    if not np.isfinite(np.array(box, np.float64)).all():
        return "box_not_finite"
    if not np.isfinite(single).all() or not np.isfinite(area):
        return "box_too_large"
    if min(box[2:]) < 0:
        return "box_negative"
    if min(box[2:]) == 0:
        return "box_zero"
    return "box_too_small" if min(single[2:]) <= 0 else ""


def outline_box(outline: Any) -> list[float] | None:
    """The box around polygons [[x, y, …], …] or a run-length encoding {"size", "counts"}; None where there is none."""
    if isinstance(outline, dict):
        return _mask_box(outline)
    polygons = outline if isinstance(outline, list) else []
    points = [
        [number(value) for value in polygon] for polygon in polygons if isinstance(polygon, list) and len(polygon) >= 4
    ]
    x = [value for polygon in points for value in polygon[0::2] if value is not None]
    y = [value for polygon in points for value in polygon[1::2] if value is not None]
    if not x or len(x) + len(y) < sum(map(len, points)):
        return None
    box = [min(x), min(y), max(x) - min(x), max(y) - min(y)]
    return None if wrong_size(box) else box


def _mask_box(outline: dict) -> list[float] | None:
    from pycocotools import mask

    size, counts = outline.get("size"), outline.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) and 0 < n < 2**20 for n in size):
        return None
    try:
        if isinstance(counts, list):
            if not all(isinstance(n, int) and n >= 0 for n in counts) or sum(counts) != size[0] * size[1]:
                return None
            encoded: Any = mask.frPyObjects(outline, *size)  # pyright: ignore[reportCallIssue, reportArgumentType]
        elif isinstance(counts, str):
            encoded = {"size": size, "counts": counts.encode()}
        else:
            return None
        box = [float(side) for side in mask.toBbox(encoded)]
    except (TypeError, ValueError):
        return None
    return None if wrong_size(box) else box


def _checked(columns: dict[str, list], images: _Known, categories: _Known, annotations: pa.Table) -> pa.Table | None:
    """Of LVIS, the classes that were looked for in each image: those annotated, and those found absent."""
    absent = columns["neg_category_ids"]
    if not any(isinstance(ids, list) for ids in (*absent, *columns["not_exhaustive_category_ids"])):
        return None
    found = zip(annotations["image_id"].to_pylist(), annotations["category_id"].to_pylist(), strict=True)
    pairs = set(found)
    for given, ids in zip(columns["id"], absent, strict=True):
        image = images.numbers.get(identity(given))
        classes = (categories.numbers.get(identity(value)) for value in (ids if isinstance(ids, list) else []))
        pairs.update((image, number_) for number_ in classes if image is not None and number_ is not None)
    return checked_table(pairs)


def note_not_exhaustive(report: ReadingReport, images: int) -> None:
    """Note that annotators did not look for every class in every image."""
    report.note(
        "classes_not_checked", "", "the annotations say which classes were looked for in each image",
        "a class that was not looked for in an image is not listed as missing there", images,
    )  # fmt: skip


def checked_table(pairs: Iterable[tuple[int, int]]) -> pa.Table:
    """Rows of `tables.CHECKED` of pairs of image and class."""
    ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return make_table(tables.CHECKED, ordered[:, 0], ordered[:, 1])


def annotation_table(
    image_id: np.ndarray,
    category_id: np.ndarray,
    box: np.ndarray,
    area: np.ndarray,
    iscrowd: np.ndarray,
    ids: np.ndarray,
    original: list[str | None] | None,
) -> pa.Table:
    """Objects in the order of their images; within an image in the order of the file.

    Args:
        image_id: [n] int64.
        category_id: [n] int32.
        box: [4, n] float32, x, y, width and height in pixels; NaN where an object has none.
        area: [n] float32, in square pixels; NaN where it is not known.
        iscrowd: [n] bool.
        ids: [n] int64, of the annotations.
        original: [n] ids as text, or None where all are numbers.
    """
    order = order_of_ids(image_id)
    columns = (image_id, category_id, *box, area, iscrowd, ids)
    texts = None if original is None else [original[row] for row in order]
    return make_table(tables.ANNOTATIONS, *(column[order] for column in columns), texts)


def make_table(schema: pa.Schema, *columns: Any) -> pa.Table:
    """A table of columns in the order of ``schema``; None stands for a column of nulls."""
    rows = len(columns[0])
    arrays = []
    for column, type in zip(columns, schema.types, strict=True):
        if pa.types.is_string(type):
            texts = [] if column is None else list(column)
            if texts.count(None) == len(texts):
                arrays.append(pa.nulls(rows, type))
            elif None in texts:
                arrays.append(pa.chunked_array([texts], type))
            else:
                arrays.append(from_texts(texts))
        else:
            arrays.append(from_numpy(np.asarray(column), type))
    return pa.table(arrays, schema=schema)


def order_of_ids(ids: np.ndarray) -> np.ndarray:
    """As `np.argsort(ids, kind="stable")` of ids of 0 and more, by 16 bits at a time: NumPy counts those, seven times as fast."""
    if not len(ids):
        return np.zeros(0, np.int64)
    bits = range(0, max(int(ids.max()).bit_length(), 1), 16)
    return np.lexsort([(ids >> shift).astype(np.uint16) for shift in bits])
