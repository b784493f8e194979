"""What a file or a decoded JSON document is, told by its content; and what to do with what is not read."""

from collections.abc import Collection
from typing import Any

from contextual_anomaly.coco.problems import ReadingReport
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.label_studio import is_label_studio, read_label_studio

READ = (
    "COCO JSON, LVIS, YOLO and Darknet folders, Pascal VOC, CVAT for images, Label Studio JSON, Open Images CSV, and labels "
    "of images as CSV or JSON lines are read, also packed by gzip"
)

# What a file begins with, what it is, and what to do.
BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, which stands for the file", "run `git lfs pull` to get the file"),
    (b"PK\x03\x04", "a zip archive", "unpack it, and name the file or the folder within"),
    (b"PK\x05\x06", "an empty zip archive", "download it again"),
    (b"\x89PNG", "a PNG picture", "name the annotations, not the pictures"),
    (b"\xff\xd8\xff", "a JPEG picture", "name the annotations, not the pictures"),
    (b"%PDF", "a PDF document", "name the annotations"),
    (b"PAR1", "a Parquet table", "export it as COCO JSON or CSV"),
    (b"SQLite format 3", "an SQLite database", "export it as COCO JSON or CSV"),
    (b"\x80\x04", "a Python pickle, which is not opened because it could run anything", "save it as JSON"),
    (b"\x80\x03", "a Python pickle, which is not opened because it could run anything", "save it as JSON"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"BZh", "packed by bzip2", "unpack it"),
    (b"\xfd7zXZ", "packed by xz", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it"),
)


def refuse_other_files(name: str, head: bytes) -> None:
    """Raise what a file is by its first bytes, if it is known to be none of annotations.

    Raises:
        UserError: saying what it is and what to do.
    """
    for beginning, what, remedy in BEGINNINGS:
        if head.startswith(beginning):
            raise UserError(f"{name}: this is {what}: {remedy}.")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        raise UserError(f"{name}: the file is empty but for white space, annotations were expected. {READ}.")
    if text[:200].lower().startswith((b"<!doctype html", b"<html")):
        raise UserError(f"{name}: this is an HTML page, perhaps of a sign-in, and not the file: download it again.")
    if text.startswith((b"{'", b"[{'")):
        raise UserError(
            f"{name}: these are Python objects as text, with single quotes, and not valid JSON: write them by json.dump."
        )


def as_coco(content: Any, report: ReadingReport) -> tuple[Any, Collection[str]]:
    """Return decoded JSON in COCO's shape, and what its format lacks.

    Raises:
        UserError: it is of a format that is not read; naming it, and what to do.
    """
    if is_label_studio(content):
        return read_label_studio(content, report), ("id", "bbox")
    other = _other(content)
    if other:
        raise UserError(f"{report.name}: {other} {READ}.")
    if not isinstance(content, dict):
        kind = "null" if content is None else "a list" if isinstance(content, list) else f"a {type(content).__name__}"
        raise UserError(
            f"{report.name}: not a COCO annotation file: JSON of {kind}, an object with images, annotations and "
            f"categories was expected. {READ}."
        )
    return content, ()


def _other(content: Any) -> str:
    """What other JSON it is and what to do; empty if it is none that is known."""
    if isinstance(content, dict):
        return _other_object(content)
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return ""
    keys = set(first)
    if {"image_id", "category_id", "score"} <= keys:
        return (
            "this is a COCO results file, of what a detector predicted. What people annotated is needed: the file with "
            "images, annotations and categories that the results belong to."
        )
    if {"image_id", "category_id"} <= keys:
        return (
            "this is the list of annotations alone. Put it into an object with the lists images and categories: "
            '{"images": [...], "annotations": [...], "categories": [...]}.'
        )
    if "annotations" in keys and "image" in keys:
        return "this is CreateML JSON. Export it as COCO or Pascal VOC."
    if {"image", "label"} & keys and any(isinstance(v, list) for v in first.values()):
        return "this looks like Label Studio's JSON-MIN. Export it as JSON or as COCO."
    if {"data_row", "projects"} & keys or "DataRow ID" in keys:
        return "this is a Labelbox export. Convert it to COCO (labelbox.data has a converter)."
    return ""


def _other_object(content: dict[Any, Any]) -> str:
    if "shapes" in content and "imagePath" in content:
        return "this is one image of labelme. Convert the folder to COCO (labelme2coco does it)."
    values = list(content.values())
    if "_via_img_metadata" in content or (values and all(isinstance(v, dict) and "regions" in v for v in values)):
        return "this is a project of the VGG Image Annotator (VIA). Export the annotations as COCO there."
    if content.get("type") == "FeatureCollection":
        return "this is GeoJSON, whose coordinates are those of a map. Convert it to COCO with boxes in pixels."
    if "tags" in content and "objects" in content and "size" in content:
        return "this is one image of Supervisely. Export the project as COCO."
    if "asset" in content and "regions" in content:
        return "this is one image of VoTT. Export the project as Pascal VOC or CSV."
    if "view" in content or ("samples" in content and "media_type" in content):
        return "this is a FiftyOne data set. Export it as COCO (fiftyone.types.COCODetectionDataset)."
    return ""
