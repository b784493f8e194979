"""What other libraries hold detections in, recognised by its attributes: none of them is imported.

| of | recognised by |
| --- | --- |
| supervision | `xyxy`, `class_id` and `confidence` |
| Ultralytics | `boxes.xyxy`, `boxes.cls`, `boxes.conf` and `names` |
| torchvision | a dictionary of `boxes` and `labels` (and `scores`) |
| COCO results | a list of dictionaries with `category_id` and `image_id` |
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextual_anomaly.checking.objects import BadObjects, ImageObjects, objects_of_json
from contextual_anomaly.coco.classes import CLASSES, NAME_OF_ID

ClassNames = Sequence[str] | Mapping[int, str]
"""Class names by number: a list from 0 on, or a mapping."""


def objects_of(value: Any, class_names: ClassNames | None = None) -> ImageObjects:
    """Return the objects that a value names: of another library, JSON, or names.

    Args:
        value: what a detector gave for one image, or class names.
        class_names: what class numbers mean. Default: the names that the value brings along, else the ids of COCO in
            torchvision's answers and COCO's results, and COCO's 80 classes from 0 on elsewhere.

    Raises:
        BadObjects: it is nothing that is known, or a class number has no name.
    """
    if isinstance(value, ImageObjects):
        return value
    if hasattr(value, "xyxy") and hasattr(value, "class_id"):
        return _of_supervision(value, class_names)
    if hasattr(value, "boxes") and hasattr(value, "names"):
        return _of_ultralytics(value, class_names)
    if isinstance(value, Mapping) and {"boxes", "labels"} <= value.keys():
        return _of_torchvision(value, class_names)
    if isinstance(value, list | tuple) and value and all(is_coco_result(entry) for entry in value):
        return of_coco_results(value, class_names)
    if isinstance(value, set | frozenset):
        value = sorted(value)
    return objects_of_json(value)


def is_coco_result(entry: Any) -> bool:
    """Whether an entry of a list is one of COCO's results, or of COCO's annotations."""
    return isinstance(entry, Mapping) and "category_id" in entry and "image_id" in entry


def of_coco_results(results: Sequence[Mapping[str, Any]], class_names: ClassNames | None = None) -> ImageObjects:
    """Return the objects of one image's results: image_id, category_id, bbox and score each.

    Args:
        results: all of the same image.
        class_names: what category ids mean; by default COCO's official ids.

    Raises:
        BadObjects: they are of several images, or a class number has no name.
    """
    image_ids = list(dict.fromkeys(result["image_id"] for result in results))
    if len(image_ids) > 1:
        raise BadObjects(f"results of {len(image_ids)} images: give those of one image at a time, or to check_many.")
    return ImageObjects.of(
        _named([result["category_id"] for result in results], class_names or NAME_OF_ID),
        [result.get("score") for result in results],
        [result.get("bbox") or None for result in results],
        [result.get("id") for result in results],
        image_id=image_ids[0] if image_ids else None,
    )


def _of_supervision(value: Any, class_names: ClassNames | None) -> ImageObjects:
    names = (getattr(value, "data", None) or {}).get("class_name")
    if class_names is not None or names is None:
        numbers = [] if value.class_id is None else _numbers(value.class_id).tolist()
        names = _named(numbers, class_names or CLASSES)
        if len(names) != len(value.xyxy):
            raise BadObjects("these detections have no classes; a class_id for each box was expected.")
    return ImageObjects.of(map(str, names), _scores(value.confidence), _of_corners(value.xyxy))


def _of_ultralytics(value: Any, class_names: ClassNames | None) -> ImageObjects:
    boxes = value.boxes
    if boxes is None:
        raise BadObjects("these results have no boxes; those of a detector were expected.")
    height, width = getattr(value, "orig_shape", (None, None))
    return ImageObjects.of(
        _named(_numbers(boxes.cls).tolist(), class_names or value.names),
        _scores(boxes.conf),
        _of_corners(boxes.xyxy),
        size=(int(width), int(height)) if width and height else None,
        file_name=getattr(value, "path", None),
    )


def _of_torchvision(value: Mapping[str, Any], class_names: ClassNames | None) -> ImageObjects:
    names = _named(_numbers(value["labels"]).tolist(), class_names or NAME_OF_ID)
    return ImageObjects.of(names, _scores(value.get("scores")), _of_corners(value["boxes"]))


def _numbers(values: Any) -> np.ndarray:
    """Return numbers of an array or a tensor, of whatever library and device."""
    for method in ("detach", "cpu"):
        values = getattr(values, method, lambda same=values: same)()
    return np.asarray(values)


def _scores(values: Any) -> list[float] | None:
    return None if values is None else _numbers(values).astype(float).tolist()


def _of_corners(corners: Any) -> list[list[float]]:
    """Return x, y, width and height of boxes [K, 4] that are given by two corners."""
    array = _numbers(corners).astype(float).reshape(-1, 4)
    return np.column_stack([array[:, :2], array[:, 2:] - array[:, :2]]).tolist()


def _named(numbers: Sequence[Any], class_names: ClassNames) -> list[str]:
    """Return the names of class numbers."""
    known = class_names if isinstance(class_names, Mapping) else dict(enumerate(class_names))
    unknown = [number for number in numbers if int(number) not in known]
    if unknown:
        raise BadObjects(f"class number {unknown[0]} has no name: give class_names, from number to name.")
    return [str(known[int(number)]) for number in numbers]
