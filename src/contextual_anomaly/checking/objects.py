"""The objects of one image as they are given: by a detector, by annotations, by name, or as JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from contextual_anomaly.runtime.input_problems import InputProblem

if TYPE_CHECKING:
    from contextual_anomaly.detection.image_detector import DetectedImage

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels."""

NAME = ("category", "class_name", "name", "label", "class", "category_name")
SCORE = ("score", "confidence", "conf")
BOX = ("box", "bbox")
OBJECTS = ("objects", "detections", "predictions")
CLASSES = ("classes", "labels", "categories", "tags", "class_names")
IMAGE = ("file_name", "image", "filename", "path", "file")
ACCEPTED = (
    'names separated by commas (fork, cup=0.7), {"fork": 0.9}, ["fork", "cup"], or {"objects": [{"category": "fork", '
    '"score": 0.9, "box": [x, y, width, height]}], "width": 640, "height": 480} were expected'
)


@dataclass(frozen=True)
class ImageObjects:
    """The K objects of one image.

    Attributes:
        names: K class names.
        scores: K scores of a detector, 0 to 1; None where an object is certain.
        boxes: K boxes; None where an object has none.
        ids: K ids of annotations; None where an object has none.
        size: width and height of the image in pixels; None where they are not known.
        image_id: of the annotations.
        file_name: of the image.
        problems: what could not be read of the objects.
    """

    names: tuple[str, ...] = ()
    scores: tuple[float | None, ...] = ()
    boxes: tuple[Box | None, ...] = ()
    ids: tuple[int | str | None, ...] = ()
    size: tuple[int, int] | None = None
    image_id: int | str | None = None
    file_name: str | None = None
    problems: tuple[InputProblem, ...] = ()

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        scores: Iterable[Any] | None = None,
        boxes: Iterable[Any] | None = None,
        ids: Iterable[Any] | None = None,
        **about: Any,
    ) -> "ImageObjects":
        """Return the objects whose numbers make sense, and what is wrong with the others.

        Args:
            names: K class names.
            scores: K scores; None where all objects are certain.
            boxes: K boxes; None where no object has one.
            ids: K ids.
            **about: the other attributes.

        Raises:
            ValueError: names, scores and boxes are not of one length.
        """
        names = list(names)
        nothing = [None] * len(names)
        columns = [nothing if column is None else list(column) for column in (scores, boxes, ids)]
        kept, problems = [], []
        for name, score, box, number in zip(names, *columns, strict=True):
            problem = wrong_score(name, score) or wrong_box(name, box)
            if problem:
                problems.append(problem)
            else:
                kept.append((name, None if score is None else float(score), _as_box(box), _plain_id(number)))
        kept_names, kept_scores, kept_boxes, kept_ids = zip(*kept, strict=True) if kept else ((), (), (), ())
        return cls(kept_names, kept_scores, kept_boxes, kept_ids, problems=tuple(problems), **about)

    @property
    def detected(self) -> bool:
        """Whether a detector is behind the objects: one of them has a score."""
        return any(score is not None for score in self.scores)


def detected_objects(found: "DetectedImage", file_name: str | None = None) -> ImageObjects:
    """Return what a detector found in an image.

    Args:
        found: what it found.
        file_name: of the image.
    """
    nothing = (None,) * len(found.names)
    size = found.image.width, found.image.height
    return ImageObjects(tuple(found.names), tuple(found.scores), tuple(found.boxes), nothing, size, file_name=file_name)


def wrong_score(name: str, score: Any) -> InputProblem | None:
    """Return what is wrong with a score, if anything is."""
    if score is None:
        return None
    number = as_number(score)
    if number is not None and 0 <= number <= 1:
        return None
    return InputProblem("out_of_range", f"{name!r}: a score from 0 to 1 was expected, found {score!r}.", (name,))


def wrong_box(name: str, box: Any) -> InputProblem | None:
    """Return what is wrong with a box, if anything is."""
    if box is None:
        return None
    numbers = [as_number(side) for side in box] if isinstance(box, Iterable) and not isinstance(box, str) else []
    if len(numbers) == 4 and None not in numbers and min(numbers[2:]) >= 0:  # pyright: ignore[reportArgumentType]
        return None
    return InputProblem(
        "out_of_range", f"{name!r}: a box of x, y, width and height was expected, found {box!r}.", (name,)
    )


def as_number(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, bool | str) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_box(box: Any) -> Box | None:
    if box is None:
        return None
    x, y, width, height = (float(side) for side in box)
    return x, y, width, height


def _plain_id(value: Any) -> int | str | None:
    """Return an id as JSON has it."""
    if value is None or isinstance(value, str | int):
        return value
    number = as_number(value)
    return int(number) if number is not None and number == int(number) else str(value)


class BadObjects(ValueError):
    """The message says why a value is none that names the objects of an image."""


def objects_of_text(text: str) -> ImageObjects:
    """Return the objects of names separated by commas, each with a probability where it has one: fork, cup=0.7."""
    names: list[str] = []
    scores: list[float | None] = []
    problems = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = entry.rpartition("=")
        try:
            score = float(value) if equals else None
        except ValueError:
            problems.append(InputProblem("bad_line", f"{entry!r}: CLASS=PROBABILITY was expected, as cup=0.7."))
            continue
        names.append(name.strip() if equals else entry)
        scores.append(score)
    found = ImageObjects.of(names, scores)
    return replace(found, problems=(*problems, *found.problems))


def objects_of_json(value: Any) -> ImageObjects:
    """Return the objects that a decoded JSON value names; see `ACCEPTED`.

    Args:
        value: a mapping of class and probability, a list of names or of objects, or an object with such a list.

    Raises:
        BadObjects: it is none of these.
    """
    if isinstance(value, str):
        return objects_of_text(value)
    if isinstance(value, Mapping):
        objects = next((value[key] for key in OBJECTS if isinstance(value.get(key), list)), None)
        if objects is None:
            objects = next((value[key] for key in CLASSES if isinstance(value.get(key), list | str)), None)
        if objects is None:
            return _of_mapping(value)
        about = {
            "size": _size(value),
            "image_id": _plain_id(value.get("image_id")),
            "file_name": next((value[key] for key in IMAGE if isinstance(value.get(key), str)), None),
        }
        found = objects_of_text(objects) if isinstance(objects, str) else _of_list(objects)
        return replace(found, **about)
    if isinstance(value, list | tuple):
        return _of_list(value)
    raise BadObjects(f"{ACCEPTED}, found {_shown(value)}.")


def _of_mapping(value: Mapping[str, Any]) -> ImageObjects:
    for key, number in value.items():
        if isinstance(number, list | dict | str):
            raise BadObjects(f"{ACCEPTED}, found the field {key!r} with {_shown(number)}.")
    return ImageObjects.of(value.keys(), (math.nan if score is None else score for score in value.values()))


def _of_list(entries: Sequence[Any]) -> ImageObjects:
    names, scores, boxes, ids = [], [], [], []
    problems = []
    for number, entry in enumerate(entries, 1):
        fields = _fields(entry)
        name = next((fields[key] for key in NAME if isinstance(fields.get(key), str)), None)
        if name is None:
            problems.append(InputProblem("bad_line", f"object {number}: no class name is in {_shown(entry)}."))
            continue
        names.append(name)
        scores.append(next((fields[key] for key in SCORE if fields.get(key) is not None), None))
        boxes.append(_box_of(fields))
        ids.append(fields.get("id"))
    found = ImageObjects.of(names, scores, boxes, ids)
    return replace(found, problems=(*problems, *found.problems))


def _fields(entry: Any) -> Mapping[str, Any]:
    """Return the fields of an object that is given in full, by name, or as a pair of name and score."""
    if isinstance(entry, Mapping):
        return entry
    if isinstance(entry, str):
        return {"category": entry}
    if isinstance(entry, list | tuple) and len(entry) == 2:
        return {"category": entry[0], "score": entry[1]}
    return {}


def _box_of(entry: Mapping[str, Any]) -> Any:
    """Return x, y, width and height of an object; of two corners as Ultralytics writes them as well."""
    given = next((entry[key] for key in BOX if entry.get(key) is not None), None)
    corners = entry.get("xyxy")
    if isinstance(given, Mapping):
        corners = [given.get(side) for side in ("x1", "y1", "x2", "y2")]
    if corners is None:
        return given
    sides = [as_number(side) for side in corners] if isinstance(corners, list | tuple) else []
    if len(sides) != 4 or None in sides:
        return corners
    left, top, right, bottom = sides
    return left, top, right - left, bottom - top  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]


def _size(value: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = (as_number(value.get(side)) for side in ("width", "height"))
    return (int(width), int(height)) if width and height and width >= 1 and height >= 1 else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]} …"
