"""Network inputs from presence and object geometry, the same ones for training and for prediction.

Each of A input classes has 1 + F inputs: its presence, and by how much F features of its objects differ from those of a
typical object of the class, in standard deviations. An absent class is all zeros, and so are features that are typical
or not known.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Bool, Float16, Float32, Int, Int16, Shaped
from contextual_anomaly.models.base import Geometry, Presence, by_class
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.object_geometry import FEATURES

SCENES_AT_ONCE = 1024  # bounds the dense arrays to some 40 MB


@dataclass(frozen=True)
class InputEncoding:
    """How presence and geometry become inputs.

    Attributes:
        classes: A class names, those that the model predicts among them.
        targets: [C] the place of each predicted class among the A.
        mean: [A, F] of each class's features.
        scale: [F] standard deviation of the features around the class's mean.
    """

    classes: tuple[str, ...]
    targets: Int[np.ndarray, " C"]
    mean: Float32[np.ndarray, "A F"]
    scale: Float32[np.ndarray, " F"]

    @property
    def width(self) -> int:
        """1 + F, the inputs of one class."""
        return 1 + len(self.scale)

    def encode(self, presence: Presence, geometry: Geometry | None = None) -> Float32[np.ndarray, "N inputs width"]:
        """Return the inputs of N scenes.

        Args:
            presence: [N, C], 0 or 1 or a probability, by which the features are multiplied.
            geometry: of the scenes; None takes all objects as typical, and only predicted classes as present. Of classes
                that are not predicted, its presence may be a probability.
        """
        inputs = np.zeros((len(presence), len(self.classes), self.width), np.float32)
        if geometry is None or self.width == 1:
            inputs[:, self.targets, 0] = presence
            return inputs
        geometry = by_class(geometry)
        inputs[..., 0] = geometry[..., 0]
        inputs[:, self.targets, 0] = presence
        features = np.nan_to_num((geometry[..., 1:] - self.mean) / self.scale)  # a feature that is not known is typical
        inputs[..., 1:] = features * (inputs[..., :1] * (geometry[..., :1] > 0))
        return inputs


@dataclass(frozen=True)
class SparseInputs:
    """Inputs of N scenes, kept for the at most K classes that are present, so that a million scenes fit into memory.

    Attributes:
        classes: [N, K] the present classes, A in unused places.
        features: [N, K, F] their features; half precision holds them well enough.
        presence: [N, C] which predicted classes are present.
    """

    classes: Int16[np.ndarray, "N K"]
    features: Float16[np.ndarray, "N K F"]
    presence: Bool[np.ndarray, "N C"]


@dataclass(frozen=True)
class TrainingInputs:
    """What a network is trained on.

    Attributes:
        encoding: how the inputs were made.
        train: the scenes to fit on.
        held_out: the scenes that measure the fit.
    """

    encoding: InputEncoding
    train: SparseInputs
    held_out: SparseInputs


def input_encoding(classes: tuple[str, ...], input_classes: tuple[str, ...], mean, scale) -> InputEncoding:
    """Return the encoding of a model.

    Args:
        classes: C predicted classes.
        input_classes: A classes, the C among them.
        mean: [A, F] of each class's features.
        scale: [F] their standard deviation.
    """
    place = {name: a for a, name in enumerate(input_classes)}
    targets = np.array([place[name] for name in classes])
    return InputEncoding(input_classes, targets, np.asarray(mean, np.float32), np.asarray(scale, np.float32))


def training_inputs(data: TrainingData, geometry: bool, max_held_out: int) -> TrainingInputs:
    """Encode the training data.

    Args:
        data: scenes, with their object geometry if ``geometry``.
        geometry: whether the network learns from object geometry.
        max_held_out: held-out scenes that are used at most.

    Raises:
        UserError: object geometry is wanted and not there.
    """
    if geometry:
        encoding = input_encoding(data.classes, data.required_geometry.classes, *_typical(data))
    else:
        encoding = input_encoding(data.classes, data.classes, np.zeros((len(data.classes), 0)), np.ones(0))
    train, held_out = np.flatnonzero(~data.held_out), np.flatnonzero(data.held_out)[:max_held_out]
    return TrainingInputs(encoding, sparse_inputs(encoding, data, train), sparse_inputs(encoding, data, held_out))


def sparse_inputs(encoding: InputEncoding, data: TrainingData, rows: Int[np.ndarray, " n"]) -> SparseInputs:
    """Encode some scenes of the training data.

    Args:
        encoding: how.
        data: the scenes, with their object geometry if the encoding has features.
        rows: [n] which scenes.
    """
    parts = []
    for start in range(0, len(rows), SCENES_AT_ONCE):
        part = rows[start : start + SCENES_AT_ONCE]
        geometry = data.geometry(part) if encoding.width > 1 else None
        inputs = encoding.encode(data.scenes.where(part).presence, geometry)
        scene, column = np.nonzero(inputs[..., 0])
        parts.append((scene + start, column, inputs[scene, column, 1:].astype(np.float16)))
    scene, column, features = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    place = np.arange(len(scene)) - np.searchsorted(scene, np.arange(len(rows)))[scene]  # among the scene's classes
    shape = (len(rows), place.max(initial=0) + 1)
    classes = np.full(shape, len(encoding.classes), np.int16)
    classes[scene, place] = column
    padded = np.zeros((*shape, encoding.width - 1), np.float16)
    padded[scene, place] = features
    return SparseInputs(classes, padded, data.scenes.counts[rows] > 0)


def _typical(data: TrainingData) -> tuple[Shaped[np.ndarray, "A F"], Shaped[np.ndarray, " F"]]:
    """Return the mean [A, F] of each class's features, of the scenes to fit on, and their spread [F] around it."""
    geometry = data.required_geometry
    _, column, values = geometry.pairs(data.scenes.image_ids[~data.held_out])
    known = ~np.isnan(values)
    total, number = np.zeros((2, len(geometry.classes), len(FEATURES)), np.float32)
    np.add.at(total, column, np.where(known, values, 0))
    np.add.at(number, column, known)
    mean = total / np.maximum(number, 1)
    return mean, np.sqrt(np.maximum(np.nansum((values - mean[column]) ** 2, 0) / np.maximum(known.sum(0), 1), 1e-8))
