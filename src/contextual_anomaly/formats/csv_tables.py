"""CSV and JSON lines: Open Images, tables of boxes, and labels of whole images."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contextual_anomaly.coco.pictures import find_picture, picture_size
from contextual_anomaly.coco.problems import LEFT_OUT, ReadingReport
from contextual_anomaly.coco.values import number
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.records import Records, corners, note_relative_size

IMAGE = ("image", "imageid", "image_id", "filename", "file_name", "file", "path", "image_path", "img", "image_name")
CLASS = ("class", "label", "category", "labelname", "class_name", "classname", "category_name", "object", "tag")
CLASSES = ("classes", "labels", "categories", "tags", "objects", "class_names")
BOX = (("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max"), ("x1", "y1", "x2", "y2"))
LONGEST_LINE = 1 << 20
ACCEPTED = (
    "a header with a column for the image (image, filename …) and one for the class (class, label …) is accepted, or "
    "Open Images' ImageID and LabelName"
)


def read_csv(path: Path, folder: Path, image_folder: Path | None, report: ReadingReport) -> tuple[str, dict[str, list]]:
    """Read a table with a header.

    Args:
        path: the file.
        folder: where files that belong to it lie: names of Open Images' classes, and labels of its images.
        image_folder: where the sizes of images are looked up.
        report: rows that are wrong are added to it.

    Returns:
        what it was read as, and records in COCO's shape.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
        mark = max(",;\t", key=first.count)
        file.seek(0)
        rows = csv.DictReader(file, delimiter=mark)
        header = {(name or "").strip().lower(): name for name in rows.fieldnames or []}
        if {"imageid", "labelname"} <= set(header):
            boxes = "xmin" in header
            what = "Open Images boxes" if boxes else "Open Images labels of images"
            return what, _open_images(rows, path, folder, image_folder, report, boxes)
        image = next((header[name] for name in IMAGE if name in header), None)
        label = next((header[name] for name in (*CLASS, *CLASSES) if name in header), None)
        if image is None:
            raise UserError(f"{report.name}: columns {', '.join(header)} name no image; {ACCEPTED}.")
        if label is None:
            return "CSV with a column a class", _columns_of_classes(rows, image, report)
        sides = next(([header[side] for side in box] for box in BOX if set(box) <= set(header)), None)
        what = "CSV of boxes" if sides else "CSV of labels of images"
        return what, _rows(rows, image, label, sides, header, report)


def _rows(
    rows: Iterable[dict], image: str, label: str, sides: list[str] | None, header: dict[str, str], report: ReadingReport
) -> dict[str, list]:
    found = Records(report)
    several = label.strip().lower() in CLASSES
    for line, row in enumerate(rows, 2):
        name, labels = (row.get(image) or "").strip(), (row.get(label) or "").strip()
        if not name:
            report.add("row_without_image", f"line {line}", str(dict(row)), LEFT_OUT)
            continue
        size = {side: row.get(header[side]) for side in ("width", "height") if sides and side in header}
        at = found.image(name, **size)
        for one in labels.replace(";", "|").split("|") if several or "|" in labels else [labels]:
            if one.strip():  # an image without a class is one without objects
                box = {"bbox": corners(*(row.get(side) for side in sides))} if sides else {}
                found.add(at, found.category(one.strip()), **box)
    return found.content()


def _columns_of_classes(rows: Iterable[dict], image: str, report: ReadingReport) -> dict[str, list]:
    """A column a class, which holds 1 where it is in the image."""
    found = Records(report)
    for line, row in enumerate(rows, 2):
        at = found.image((row.pop(image) or "").strip())
        for name, value in row.items():
            if name is None or number(value or "0") not in (0, 1):
                raise UserError(
                    f"{report.name}: line {line}, column {name!r}: {value!r}, 0 or 1 was expected; {ACCEPTED}."
                )
            category = found.category(str(name).strip())
            if number(value or "0"):
                found.add(at, category)
    return found.content()


def _open_images(
    rows: Iterable[dict], path: Path, folder: Path, image_folder: Path | None, report: ReadingReport, boxes: bool
) -> dict[str, list]:
    """Boxes, or labels of images with confidence 1 (there) or 0 (looked for and absent)."""
    found, names = Records(report), _class_names(folder)
    known: dict[str, dict[str, Any]] = {}

    def image_of(row: dict) -> dict[str, Any]:
        name = row["ImageID"]
        if name not in known:
            picture = find_picture(image_folder, name) or find_picture(image_folder, f"{name}.jpg")
            size = (picture_size(picture) if picture else None) if boxes else (None, None)
            if size is None:
                note_relative_size(report, f"{name}.jpg")
                size = (1, 1)
            known[name] = found.image(f"{name}.jpg", width=size[0], height=size[1], neg_category_ids=[])
        return known[name]

    for line, row in enumerate(rows, 2):
        if not row.get("ImageID") or not row.get("LabelName"):
            report.add("row_without_image", f"line {line}", str(dict(row)), LEFT_OUT)
            continue
        category = found.category(str(names.get(row["LabelName"], row["LabelName"])))
        if boxes:
            image = image_of(row)
            box = corners(*(row.get(side) for side in ("XMin", "YMin", "XMax", "YMax")))
            scaled = box and [v * s for v, s in zip(box, (image["width"], image["height"]) * 2, strict=True)]
            found.add(image, category, bbox=scaled, iscrowd=int(row.get("IsGroupOf") == "1"))
        elif number(row.get("Confidence", "1")) == 0:
            found.absent(image_of(row), category)
        else:
            found.add(image_of(row), category)
    if boxes:
        for beside in sorted(folder.glob(f"{path.name.partition('-')[0]}*imagelabels*.csv")):
            with beside.open(newline="", encoding="utf-8-sig", errors="replace") as file:
                for row in csv.DictReader(file):
                    if row.get("ImageID") in known and number(row.get("Confidence") or "1") == 0:
                        found.absent(
                            known[row["ImageID"]], found.category(str(names.get(row["LabelName"], row["LabelName"])))
                        )
    return found.content()


def _class_names(folder: Path) -> dict[str, str]:
    """Names of Open Images' machine-readable classes, where their table lies beside."""
    names = {}
    for path in sorted(folder.glob("*class-descriptions*.csv")):
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            names.update({row[0]: row[1] for row in csv.reader(file) if len(row) == 2 and row[0] != "LabelName"})
    return names


def read_json_lines(path: Path, report: ReadingReport) -> dict[str, list] | None:
    """Read a JSON object a line, each an image and its class or classes; None where the lines are no JSON objects.

    Raises:
        UserError: they are JSON objects of another kind.
    """
    found = Records(report)
    with path.open("rb") as file:
        if not file.readline(LONGEST_LINE).endswith(b"\n"):
            return None  # a large file of another kind, all in one line
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return None
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        fields = {key.lower(): value for key, value in row.items()}
        name = next((fields[key] for key in IMAGE if isinstance(fields.get(key), str)), None)
        labels = next((fields[key] for key in (*CLASS, *CLASSES) if key in fields), None)
        labels = [labels] if isinstance(labels, str) else [] if labels is None else labels
        if name is None or not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
            raise UserError(
                f"{report.name}: JSON lines, of which line {line} has the fields {', '.join(row)}. Lines with an image "
                "and its class or classes are accepted; annotations of COCO go into one object with images and categories."
            )
        image = found.image(name)
        for one in labels:
            found.add(image, found.category(one))
    return found.content()
