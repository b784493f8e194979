"""The masked network: a residual network trained to predict classes that are masked in its input.

The autoencoder's weakness is its objective, not its size: its input contains the class that it predicts, and it copies
it. With object geometry, the inputs also say how many objects of each class there are, how large they are and where, and
include classes that are not predicted (a person).
"""

import json
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from contextual_anomaly.array_types import Bool, Float, Float32, Int, Shaped
from contextual_anomaly.models.base import (
    Conditional,
    Geometry,
    PerVariant,
    Presence,
    SceneGeometry,
    Variant,
    of_one_scene,
)
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.inputs import SCENES_AT_ONCE, input_encoding, training_inputs
from contextual_anomaly.models.settings import Count, Positive, Section, Seeds, Share

MAX_HELD_OUT = 20_000  # held-out scenes that measure the fit


class Settings(Section):
    """Inputs, size and training."""

    family: Literal["masked"]
    # Whether the inputs include number, size and place of the other objects, and classes that scenes leave out.
    geometry: bool = False
    # Units of each layer.
    units: Count = 128
    # Residual layers after the first.
    blocks: Count = 1
    # Seeds of the first weights and of the order of images, one network each.
    seeds: Seeds = [0, 1, 2]
    # Passes over the training images.
    epochs: Count = 6
    # Least number of training steps: few images get more epochs, and the epoch that predicts held-out images best is kept.
    # null: 1,000 for own data, else none.
    min_steps: Annotated[int, Field(ge=0)] | None = None
    # Images in a step.
    batch_size: Count = 512
    # Largest step of AdamW, in a cycle of warm-up and decay.
    learning_rate: Positive = 0.002
    # AdamW's weight decay.
    weight_decay: Positive = 0.01
    # Share of units that are left out of a step.
    dropout: Share = 0.2
    # Mean share of the other classes that are masked as well while training.
    mask_rate: Share = 0.1


class Masked(Conditional):
    """M trained networks; prediction runs in NumPy and does not start JAX."""

    family = "masked"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        seeds: list[int],
        input_classes: tuple[str, ...],
        tensors: dict[str, np.ndarray],
    ) -> None:
        """Make the model.

        Args:
            name: the model's name.
            classes: C class names.
            seeds: M seeds, one for each network.
            input_classes: A classes of the inputs, the C among them.
            tensors: mean [A, F] and scale [F] of the features, encoder [M, A, 1 + F, D], encoder_bias [M, D],
                blocks [M, B, D, D], block_bias [M, B, D], decoder [M, D, C], decoder_bias [M, C].
        """
        self.name = name
        self.classes = classes
        self.variants = tuple(Variant(seed=seed) for seed in seeds)
        self.tensors = {key: np.asarray(tensor, np.float32) for key, tensor in tensors.items()}
        self.encoding = input_encoding(classes, input_classes, self.tensors["mean"], self.tensors["scale"])

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] log-odds, see `ContextModel`."""
        presence = np.asarray(presence, np.float32)
        result = np.empty((len(self.variants), *presence.shape), np.float32)
        for start in range(0, len(presence), SCENES_AT_ONCE):
            rows = slice(start, start + SCENES_AT_ONCE)
            inputs = self.encoding.encode(presence[rows], None if geometry is None else geometry[rows])
            self._predict(inputs, result[:, rows])
        return result

    def _predict(self, inputs: Float32[np.ndarray, "n A G"], result: Float32[np.ndarray, "M n C"]) -> None:
        """Fill in the log-odds; each present class gets a pass of its own, without it.

        The first layer is a sum over the present classes, some three of eighty, so that only those are summed, and a
        class is left out by subtracting its term. All variants are computed in the same products: for a single scene
        the number of calls takes most of the time.
        """
        encoder, decoder = self.tensors["encoder"], self.tensors["decoder"].transpose(0, 2, 1)
        bias = self.tensors["decoder_bias"]
        row, column = np.nonzero(inputs[..., 0])
        values = inputs[row, column]
        terms = np.empty((len(encoder), len(row), encoder.shape[3]), np.float32)
        for part in _parts(len(row)):
            np.einsum("ef,mefd->med", values[part], encoder[:, column[part]], out=terms[:, part])
        first = np.zeros((len(encoder), len(inputs), encoder.shape[3]), np.float32)
        if len(row):
            starts = np.flatnonzero(np.diff(row, prepend=-1))  # of each scene that is not empty
            first[:, row[starts]] = np.add.reduceat(terms, starts, axis=1)
        first += self.tensors["encoder_bias"][:, None]
        np.matmul(self._hidden(first), decoder.transpose(0, 2, 1), out=result)
        result += bias[:, None]

        targets = self.encoding.targets
        target = np.full(len(self.encoding.classes), -1)
        target[targets] = np.arange(len(targets))
        own = np.flatnonzero(target[column] >= 0)
        for part in _parts(len(own)):
            scene, predicted = row[own[part]], target[column[own[part]]]
            hidden = self._hidden(first[:, scene] - terms[:, own[part]])
            answer = np.einsum("med,med->me", hidden, decoder[:, predicted])
            result[:, scene, predicted] = answer + bias[:, predicted]

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`.

        The first layer is a sum over the present classes, so that those of all subsets are one product.
        """
        one = np.asarray(presence, np.float32)[None]
        inputs = self.encoding.encode(one, of_one_scene(geometry))[0]
        column = np.flatnonzero(inputs[:, 0])
        # [m, e, d]: matmul of [1, f] and [f, d] for each network and class.
        terms = (inputs[column][:, None] @ self.tensors["encoder"][:, column])[:, :, 0]
        kept = np.ones((len(subsets), len(self.encoding.classes)), np.float32)  # what is not predicted stays
        kept[:, self.encoding.targets] = subsets
        first = kept[:, column] @ terms + self.tensors["encoder_bias"][:, None]
        decoder, bias = self.tensors["decoder"][:, :, targets], self.tensors["decoder_bias"][:, None, targets]
        return self._hidden(first) @ decoder + bias

    def _hidden(self, first: Float32[np.ndarray, "M n D"]) -> Float32[np.ndarray, "M n D"]:
        """Return the last hidden layer from the inputs of the first."""
        hidden = _silu(first)
        for b in range(self.tensors["blocks"].shape[1]):
            inner = hidden @ self.tensors["blocks"][:, b]
            inner += self.tensors["block_bias"][:, b, None]
            hidden += _silu(inner)
        return hidden

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the weights, the seeds and the classes of the inputs."""
        seeds = [variant.seed for variant in self.variants]
        return {"seeds": json.dumps(seeds), "input_classes": json.dumps(self.encoding.classes)}, self.tensors


def _parts(rows: int) -> list[slice]:
    return [slice(start, start + SCENES_AT_ONCE) for start in range(0, rows, SCENES_AT_ONCE)]


def _silu(x: np.ndarray) -> np.ndarray:
    result = np.negative(x)
    with np.errstate(over="ignore"):  # exp of a large number is inf, and x / inf is the 0 that is meant
        np.exp(result, out=result)
    result += 1
    return np.divide(x, result, out=result)


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train a network for each seed."""
    from contextual_anomaly.models.training.masked import TrainConfig, train_masked

    inputs = training_inputs(data, settings.geometry, MAX_HELD_OUT)
    config = TrainConfig(
        **settings.model_dump(exclude={"family", "geometry", "min_steps"}), min_steps=settings.min_steps or 0
    )
    weights, history = train_masked(inputs, config, threads, f"training {name}, {len(settings.seeds)} seeds")
    tensors = {"mean": inputs.encoding.mean, "scale": inputs.encoding.scale, **weights}
    return Fitted(Masked(name, data.classes, settings.seeds, inputs.encoding.classes, tensors), history)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Masked:
    """Restore the networks of a state."""
    return Masked(
        metadata["name"],
        tuple(json.loads(metadata["classes"])),
        json.loads(metadata["seeds"]),
        tuple(json.loads(metadata["input_classes"])),
        tensors,
    )
