"""The oracle that sees boxes: the exact answers of the synthetic world, given the other objects and where they are."""

import json
from dataclasses import fields

import numpy as np

from contextual_anomaly.array_types import Float32
from contextual_anomaly.models.base import Conditional, Geometry, PerVariant, Presence, Variant
from contextual_anomaly.models.synthetic.boxes import IMAGE
from contextual_anomaly.models.synthetic.scene_oracle import SceneOracle, own_box_log_density
from contextual_anomaly.models.synthetic.scene_types import SceneTypes
from contextual_anomaly.scene_objects import SceneObjects

SCENES_AT_ONCE = 4096  # bounds the arrays of pairs of scene and present class


class OracleWithBoxes(Conditional):
    """What the scenes were sampled from, which answers for classes and for objects.

    Like the oracle of classes it does not know that small scenes are left out of the data.
    """

    family = "oracle_with_boxes"

    def __init__(self, name: str, classes: tuple[str, ...], scene_types: SceneTypes) -> None:
        """Make the model.

        Args:
            name: the model's name.
            classes: C predicted classes.
            scene_types: the distribution of scenes, over A classes, the C among them.
        """
        self.name, self.classes, self.variants = name, classes, (Variant(),)
        self.scene_types = scene_types
        self.input_classes = scene_types.classes
        self.targets = np.array([self.input_classes.index(predicted) for predicted in classes])

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [1, N, C] log-odds, see `ContextModel`.

        Args:
            presence: [N, C], which of the classes' objects count. A class without objects among them that is present is
                known to be present and no more. A probability is how far the evidence speaks for presence.
            geometry: the scenes' objects. Without them nothing is known of boxes and of classes without a prediction.
        """
        presence = np.asarray(presence, np.float64)
        objects = geometry if isinstance(geometry, SceneObjects) else None
        result = np.empty((1, *presence.shape), np.float32)
        for begin in range(0, len(presence), SCENES_AT_ONCE):
            rows = slice(begin, begin + SCENES_AT_ONCE)
            result[0, rows] = self._log_odds(presence[rows], None if objects is None else objects[rows])
        return result

    def _log_odds(self, presence: np.ndarray, objects: SceneObjects | None) -> np.ndarray:
        types = self.scene_types
        there = np.zeros((len(presence), len(self.input_classes)))
        there[:, self.targets] = presence
        known = np.zeros(len(self.input_classes), bool)
        known[self.targets] = True
        if objects is not None:
            others = ~known[objects.column]
            np.maximum.at(there, (objects.scene[others], objects.column[others]), objects.certainty[others])
            known[:] = True
        share = np.where(known, types.probability, 0)  # of what is not known nothing follows: a factor of 1
        scene, column = np.nonzero(there)
        # How the evidence about each present class changes the probability of a scene type, [pairs, K].
        box = np.zeros((len(scene), len(types.weight)))
        if objects is not None:
            pair = np.full(there.shape, -1)
            pair[scene, column] = np.arange(len(scene))
            of_object = pair[objects.scene, objects.column]
            counted = np.flatnonzero((of_object >= 0) & ~np.isnan(objects.boxes[:, 0]))
            density = own_box_log_density(types, _pixels(objects)[counted], objects.column[counted])
            np.add.at(box, of_object[counted], density[:, types.place])
        certainty = there[scene, column][:, None]
        with np.errstate(divide="ignore"):
            present = np.log(certainty) + np.log(share.T[column]) + box
            factor = np.logaddexp(present, np.log1p(-certainty) + np.log1p(-share.T[column]))
        joint = np.log(types.weight) + np.log1p(-share).sum(1)
        joint = np.repeat(joint[None], len(presence), 0)
        np.add.at(joint, scene, factor - np.log1p(-share.T[column]))
        # Of absent classes: the scene without the class is the scene divided by P(absent).
        weight = np.exp(joint - joint.max(1, keepdims=True))
        target = types.probability[:, self.targets]
        result = np.log(weight @ (target / (1 - target))) - np.log(weight.sum(1, keepdims=True))
        place = np.full(len(self.input_classes), -1)
        place[self.targets] = np.arange(len(self.targets))
        asked = np.flatnonzero(place[column] >= 0)
        scene, column = scene[asked], column[asked]
        without = joint[scene] - factor[asked]
        weight = np.exp(without - without.max(1, keepdims=True))
        share = types.probability.T[column]
        result[scene, place[column]] = np.log((weight * share).sum(1)) - np.log((weight * (1 - share)).sum(1))
        return result

    def object_log_probabilities(self, objects: SceneObjects, own_box: bool = True) -> Float32[np.ndarray, "1 K A"]:
        """Return log P(class of an object | its box, the other objects and their boxes), [1, K, A].

        Args:
            objects: K objects, each with a box.
            own_box: whether the object's own box is known.
        """
        oracle = SceneOracle(self.scene_types, objects.scene, objects.column, _pixels(objects), len(objects))
        with np.errstate(divide="ignore"):
            log = np.log(oracle.class_probability(own_box))
        return np.maximum(log, np.finfo(np.float32).min).astype(np.float32)[None]

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the distribution of scenes."""
        arrays = {field.name: getattr(self.scene_types, field.name) for field in fields(SceneTypes)}
        return {"input_classes": json.dumps(arrays.pop("classes"))}, arrays


def _pixels(objects: SceneObjects) -> np.ndarray:
    """Return the boxes in pixels of the world's images [K, 4]."""
    scale = np.nan_to_num(IMAGE / objects.sizes.astype(float), nan=1.0)[objects.scene]
    return objects.boxes * np.concatenate([scale, scale], 1)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> OracleWithBoxes:
    """Restore the model of a state."""
    types = SceneTypes(classes=tuple(json.loads(metadata["input_classes"])), **tensors)
    return OracleWithBoxes(metadata["name"], tuple(json.loads(metadata["classes"])), types)
