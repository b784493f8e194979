"""Objects of many images in a file: annotations in any format that is read, or the results of a detector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contextual_anomaly.checking.adapters import is_coco_result
from contextual_anomaly.checking.objects import ImageObjects, objects_of_json
from contextual_anomaly.coco.classes import NAME_OF_ID
from contextual_anomaly.errors import UserError
from contextual_anomaly.stats.boxes import BOX

PARQUET = b"PAR1"


def read_scene_file(path: Path, image_folder: Path | None = None) -> Iterator[ImageObjects]:
    """Yield the objects of each image of a file or folder.

    Args:
        path: annotations in any format that `formats` reads, results of COCO (a list of image_id, category_id, bbox and
            score), a table that `detect` wrote, or a list of objects of one image as JSON.
        image_folder: where the images lie, for the sizes that the file does not give.

    Raises:
        UserError: the file is none of these.
    """
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(512)
        if head.startswith(PARQUET):
            yield from _of_detection_table(path, image_folder)
            return
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            entries = _json_list(path)
            if all(is_coco_result(entry) for entry in entries):
                yield from _of_results(entries, NAME_OF_ID, path, image_folder)
                return
            if entries and all(_is_object(entry) for entry in entries):
                yield objects_of_json(entries)
                return
    yield from _of_annotations(path, image_folder)


def _is_object(entry: Any) -> bool:
    """Whether an entry of a list is an object of one image, as `objects_of_json` takes it."""
    if isinstance(entry, str):
        return True
    return (
        isinstance(entry, Mapping)
        and "data" not in entry
        and isinstance(entry.get("category", entry.get("name", entry.get("label"))), str)
    )


def _json_list(path: Path) -> list[Any]:
    """Return the content of a file that begins as a list; [] where it is no JSON, which the readers of formats explain."""
    import msgspec

    try:
        content = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [None]
    return content if isinstance(content, list) else [None]


def _of_results(
    results: Sequence[Mapping[str, Any]], class_names: Mapping[int, str], path: Path, image_folder: Path | None
) -> Iterator[ImageObjects]:
    """Yield the objects of each image of COCO's results, in the order of their first result."""
    of_image: dict[Any, list[Mapping[str, Any]]] = {}
    for result in results:
        key = result["image_id"]
        if not isinstance(key, int | str):
            raise UserError(f"{path}: an image_id of a number or text was expected, found {key!r}.")
        of_image.setdefault(key, []).append(result)
    unknown = {
        r["category_id"]
        for r in results
        if not isinstance(r["category_id"], int) or r["category_id"] not in class_names
    }
    if unknown:
        raise UserError(
            f"{path}: category_id {next(iter(unknown))!r} is no id of COCO's classes, and results say no names. Give "
            'objects with names instead, one image a line: {"objects": [{"category": "cup", "score": 0.9}]}.'
        )
    for image_id, own in of_image.items():
        picture = _picture_of(image_id, image_folder)
        objects = ImageObjects.of(
            [class_names[result["category_id"]] for result in own],
            [result.get("score") for result in own],
            [result.get("bbox") or None for result in own],
            [result.get("id") for result in own],
            image_id=image_id,
        )
        yield _with_picture(objects, picture)


def _picture_of(image_id: int | str, folder: Path | None) -> Path | None:
    """Return the image of an id, by the names that COCO's images have."""
    if folder is None:
        return None
    stems = [str(image_id)] if isinstance(image_id, str) else [f"{image_id:012}", str(image_id)]
    names = [name for stem in stems for name in (stem, f"{stem}.jpg", f"{stem}.png", f"{stem}.jpeg")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _with_picture(objects: ImageObjects, picture: Path | None) -> ImageObjects:
    if picture is None:
        return objects
    return replace(objects, file_name=objects.file_name or picture.name, size=objects.size or _size(picture))


def _size(picture: Path) -> tuple[int, int] | None:
    from contextual_anomaly.detection.image_reading import UnreadableImage, read_header

    try:
        header = read_header(picture.read_bytes())
    except (OSError, UnreadableImage):
        return None
    return (header.width, header.height) if header.orientation < 5 else (header.height, header.width)


def _of_detection_table(path: Path, image_folder: Path | None) -> Iterator[ImageObjects]:
    """Yield the objects of each image of a table that `detect` wrote."""
    import json

    from contextual_anomaly import tables

    table = tables.read_table(path, tables.DETECTIONS)
    about = tables.metadata_of(table)
    if "classes" not in about:
        raise UserError(f"{path}: detections without the names of their classes; `detect` writes them.")
    names = dict(zip(json.loads(about["category_ids"]), json.loads(about["classes"]), strict=True))
    columns = table.to_pydict()
    results = [
        {"image_id": image_id, "category_id": category_id, "score": score, "bbox": box}
        for image_id, category_id, score, *box in zip(*columns.values(), strict=True)
    ]
    yield from _of_results(results, names, path, image_folder)


def _of_annotations(path: Path, image_folder: Path | None) -> Iterator[ImageObjects]:
    """Yield the objects of each annotated image, in the order of the images' ids."""
    from contextual_anomaly.formats.read import Options, read_annotations

    reading = read_annotations(path, Options(image_folder=image_folder)).reading
    reading.report.log()
    names = dict(
        zip(reading.categories["category_id"].to_pylist(), reading.categories["name"].to_pylist(), strict=True)
    )
    of_image: dict[int, list[tuple]] = {}
    fields = ("image_id", "category_id", *BOX, "annotation_id", "original_id")
    for image_id, *values in zip(*(reading.annotations[field].to_pylist() for field in fields), strict=True):
        of_image.setdefault(image_id, []).append(tuple(values))
    fields = ("image_id", "file_name", "width", "height", "original_id")
    for image_id, file_name, width, height, original in zip(
        *(reading.images[field].to_pylist() for field in fields), strict=True
    ):
        rows = of_image.get(image_id, [])
        yield ImageObjects(
            tuple(names[row[0]] for row in rows),
            (None,) * len(rows),
            tuple(None if row[1] is None or row[3] is None else row[1:5] for row in rows),
            tuple(row[5] if row[6] is None else row[6] for row in rows),
            (width, height) if width and height else None,
            image_id if original is None else original,
            file_name or None,
        )


class DetectionsByImage:
    """The objects of a file of detections, looked up by the image that they belong to."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Args:
            path: results of COCO, or a table that `detect` wrote.

        Raises:
            UserError: it is none of these.
        """
        self._objects: dict[str, ImageObjects] = {}
        for objects in read_scene_file(path):
            for key in {str(objects.image_id), Path(objects.file_name or "").stem} - {"None", ""}:
                self._objects[key] = objects

    def of(self, image: Path) -> ImageObjects:
        """Return the objects of an image, by its name or by the number that its name is; none where none was found."""
        stem = image.stem
        found = self._objects.get(stem) or self._objects.get(image.name)
        if found is None and stem.isdecimal():
            found = self._objects.get(str(int(stem)))
        return replace(found or ImageObjects(), file_name=image.name, size=_size(image))
