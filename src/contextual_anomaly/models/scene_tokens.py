"""Scenes as tokens, one an object, the same ones for training and for prediction of models that learn from objects."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Bool, Float32, Int, Shaped
from contextual_anomaly.models.base import Geometry, Presence
from contextual_anomaly.scene_objects import BOX_FEATURES, SceneObjects, rows_of_scenes


@dataclass(frozen=True)
class SceneTokens:
    """K tokens of N scenes, those of a scene side by side.

    Attributes:
        offsets: [N + 1] where the tokens of each scene begin.
        column: [K] the class of each token, as its place among the model's input classes.
        features: [K, 8] `scene_objects.BOX_FEATURES`; NaN where a token has no box.
        crowd: [K] whether the box is that of a crowd.
        weight: [K] from 0 to 1, how certain it is that the object is there.
        aspect: [N] logarithm of the images' width over their height; 0 where it is not known.
        source: [K] the number of the object among the given ones; -1 of a class that is present without any object.
    """

    offsets: Int[np.ndarray, " N_and_1"]
    column: Int[np.ndarray, " K"]
    features: Float32[np.ndarray, "K 8"]
    crowd: Bool[np.ndarray, " K"]
    weight: Float32[np.ndarray, " K"]
    aspect: Float32[np.ndarray, " N"]
    source: Int[np.ndarray, " K"]

    def __len__(self) -> int:
        """Return N."""
        return len(self.aspect)

    @property
    def scene(self) -> Int[np.ndarray, " K"]:
        """[K] the scene of each token."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def lengths(self) -> Int[np.ndarray, " N"]:
        """[N] the number of tokens of each scene."""
        return self.offsets[1:] - self.offsets[:-1]


def scene_tokens(
    presence: Presence | None,
    geometry: Geometry | None,
    targets: Int[np.ndarray, " C"],
    classes: tuple[str, ...],
) -> SceneTokens:
    """Return the tokens of N scenes.

    Args:
        presence: [N, C] of the predicted classes, which says which of their objects are there; a class without objects
            that is present gets a token without a box. None takes all objects as they are.
        geometry: the scenes' objects; of presence and features by class, only which classes are present is taken; None
            where nothing but presence is known.
        targets: [C] the place of each predicted class among the input classes.
        classes: the A input classes.

    Raises:
        ValueError: the objects have other classes.
    """
    if isinstance(geometry, SceneObjects) and geometry.classes != classes:
        raise ValueError(f"objects of {len(geometry.classes)} classes were given, not of the model's {len(classes)}")
    scenes = len(presence if presence is not None else geometry if geometry is not None else ())
    certain = np.ones(
        (scenes, len(classes)), np.float32
    )  # of each class; of those that are not predicted, the objects'
    if presence is not None:
        certain[:, targets] = presence
    parts = []
    covered = np.zeros(certain.shape, bool)
    aspect = np.zeros(scenes, np.float32)
    if isinstance(geometry, SceneObjects):
        scene = geometry.scene
        covered[scene, geometry.column] = True
        weight = np.minimum(geometry.certainty, certain[scene, geometry.column])
        kept = np.flatnonzero(weight > 0)
        features, column = geometry.box_features()[kept], geometry.column[kept]
        parts.append((scene[kept], column, features, geometry.crowd[kept], weight[kept], kept))
        known = (geometry.sizes > 0).all(1)
        aspect[known] = np.log(geometry.sizes[known, 0] / geometry.sizes[known, 1])
    alone = np.zeros_like(certain)
    if presence is not None:
        alone[:, targets] = (certain * ~covered)[:, targets]
        if isinstance(geometry, np.ndarray) and geometry.shape[1] == len(classes):
            unpredicted = np.setdiff1d(np.arange(len(classes)), targets)
            alone[:, unpredicted] = geometry[:, unpredicted, 0]
    scene, column = np.nonzero(alone)
    if len(scene) or not parts:
        unknown = np.full((len(scene), len(BOX_FEATURES)), np.nan, np.float32)
        nowhere = np.full(len(scene), -1)
        parts.append((scene, column, unknown, np.zeros(len(scene), bool), alone[scene, column], nowhere))
    if len(parts) == 1:
        ((scene, column, features, crowd, weight, source),) = parts
    else:
        joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        scene, column, features, crowd, weight, source = (part[order] for part in joined)
    offsets = np.searchsorted(scene, np.arange(scenes + 1))
    return SceneTokens(offsets, column, features, crowd, weight.astype(np.float32), aspect, source)


def of_scenes(tokens: SceneTokens, rows: Shaped[np.ndarray, " n"]) -> SceneTokens:
    """Return the tokens of some scenes, in the order of an index array."""
    offsets, kept = rows_of_scenes(tokens.offsets, rows)
    return SceneTokens(
        offsets,
        tokens.column[kept],
        tokens.features[kept],
        tokens.crowd[kept],
        tokens.weight[kept],
        tokens.aspect[rows],
        tokens.source[kept],
    )
