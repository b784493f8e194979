"""What a context model is given of one image's objects: presence, from scores, and object geometry, from boxes.

`check` asks models about detections in this way, and a calibration from detections is made in this way: p-values of the
one hold for the other only as long as both call `scene_evidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.models.base import ContextModel, Geometry, WithObjects, by_class
from contextual_anomaly.object_geometry import features_of_boxes
from contextual_anomaly.scene_objects import SceneObjects, objects_of_scene, stack_scenes


@dataclass(frozen=True)
class SceneEvidence:
    """One image as a context model takes it.

    Attributes:
        presence: [1, C] of each class, its largest score; 0 where it has no object.
        geometry: the objects one by one for models that learn from them, else [1, A, 1 + F], as
            `object_geometry.ObjectGeometry.dense` gives it; None for models that ignore both.
        column: [K] of each object, the place of its class among the model's; -1 where the model does not predict it.
    """

    presence: Float[np.ndarray, "1 C"]
    geometry: Geometry | None
    column: Int[np.ndarray, " K"]


def input_classes(model: ContextModel) -> tuple[str, ...]:
    """Return the A classes whose geometry a model takes, those that it predicts among them; empty if it takes none.

    Args:
        model: an ensemble takes what one of its estimators takes.
    """
    if hasattr(model, "object_log_probabilities"):  # isinstance of a protocol takes longer than some answers
        return cast(WithObjects, model).input_classes
    encoding = getattr(model, "encoding", None)
    if encoding is not None and encoding.width > 1:
        return encoding.classes
    return next(filter(None, map(input_classes, getattr(model, "estimators", ()))), ())


def takes_objects(model: ContextModel) -> bool:
    """Return whether a model, or one of an ensemble's estimators, learns from objects one by one."""
    return hasattr(model, "object_log_probabilities") or any(map(takes_objects, getattr(model, "estimators", ())))


def stack_geometry(parts: Sequence[Float[np.ndarray, "_ A G"] | SceneObjects]) -> Geometry | None:
    """Return the geometry of several parts of the scenes together; None of none."""
    if not parts:
        return None
    objects = [part for part in parts if isinstance(part, SceneObjects)]
    return stack_scenes(objects) if len(objects) == len(parts) else np.concatenate([by_class(part) for part in parts])


def scene_evidence(
    model: ContextModel,
    names: Sequence[str],
    scores: Sequence[float | None] | None = None,
    boxes: Sequence[Sequence[float] | None] | None = None,
    size: tuple[int, int] | None = None,
) -> SceneEvidence:
    """Return what a model is given of one image.

    Args:
        model: the model.
        names: K class names, one an object; those that the model does not know at all are passed over.
        scores: K scores, 0 to 1, or what they mean by a `score_curve`; None where an object is certain. An object of score
            0 is passed over.
        boxes: K boxes as x, y, width and height in pixels; None where an object has none.
        size: width and height of the image in pixels; None where it is not known, so that boxes say nothing.
    """
    place = {name: number for number, name in enumerate(model.classes)}
    column = np.array([place.get(name, -1) for name in names], np.intp)
    score = np.array([1.0 if value is None else value for value in scores or [None] * len(names)], np.float32)
    presence = np.zeros((1, len(model.classes)), np.float32)
    known = column >= 0
    np.maximum.at(presence[0], column[known], score[known])
    taken = input_classes(model)
    if not taken:
        return SceneEvidence(presence, None, column)
    among = {name: number for number, name in enumerate(taken)}
    input_column = np.array([among.get(name, -1) for name in names], np.intp)
    input_column[score == 0] = -1
    if takes_objects(model):
        objects = objects_of_scene(input_column, boxes or [None] * len(names), score.tolist(), size, taken)
        return SceneEvidence(presence, objects, column)
    geometry = features_of_boxes(input_column, boxes or [None] * len(names), size, len(taken))
    # Of classes that the model predicts, presence says how certain they are; of the others, geometry has to.
    others = np.flatnonzero((column < 0) & (input_column >= 0))
    certainty = np.zeros(len(taken), np.float32)
    np.maximum.at(certainty, input_column[others], score[others])
    unpredicted = certainty > 0
    geometry[unpredicted, 0] = certainty[unpredicted]
    return SceneEvidence(presence, geometry[None], column)
