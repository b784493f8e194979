"""The masked network: a residual network that is asked for classes which are hidden from it.

The autoencoder's weakness is its objective, not its size: it sees the class that it is asked for, and copies it. With
object_geometry it is also told how many objects of each class there are, how large and where, and of classes that are not asked
for (a person).
"""

import json
from typing import TYPE_CHECKING, Literal

import numpy as np

from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Count, Positive, Section, Seeds, Share
from contextual_anomaly.object_geometry import FEATURES

if TYPE_CHECKING:
    from contextual_anomaly.models.training.masked import Scene

ROWS = 1024  # scenes or answers at a time: bounds the arrays to some 40 MB


class Settings(Section):
    """Inputs, size and config."""

    family: Literal["masked"]
    # Whether it is told numbers, sizes and places of the other objects, and of classes that scenes leave out.
    geometry: bool = False
    # Units of each layer.
    units: Count = 128
    # Residual layers behind the first.
    blocks: Count = 1
    # Seeds of the first weights and of the order of images, one network each.
    seeds: Seeds = [0, 1, 2]
    # Passes over the training images.
    epochs: Count = 6
    # Images a step.
    batch_size: Count = 512
    # Largest step of AdamW, in a cycle of warm-up and decay.
    learning_rate: Positive = 0.002
    # Its pull of the weights to zero.
    weight_decay: Positive = 0.01
    # Share of units that are left out of a step.
    dropout: Share = 0.2
    # Share of the other classes that are hidden as well while training, on average.
    mask_rate: Share = 0.1


class Masked(Conditional):
    """M trained networks, answered for in NumPy."""

    family = "masked"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        seeds: list[int],
        seen_classes: tuple[str, ...],
        tensors: dict[str, np.ndarray],
    ) -> None:
        """``seen_classes`` are the A classes of the inputs, the C asked for among them.

        ``tensors``: mean [A, F] and scale [F] of the features, encoder [M, A, 1 + F, D], encoder_bias [M, D],
        blocks [M, B, D, D], block_bias [M, B, D], decoder [M, D, C], decoder_bias [M, C].
        """
        self.name = name
        self.classes = classes
        self.variants = tuple(Variant(seed=seed) for seed in seeds)
        self.seen_classes = seen_classes
        self.tensors = {key: np.asarray(tensor, np.float32) for key, tensor in tensors.items()}
        place = {name: a for a, name in enumerate(seen_classes)}
        self.asked = np.array([place[name] for name in classes])  # [C] place among the A

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C]."""
        evidence = np.asarray(evidence, np.float32)
        result = np.empty((len(self.variants), *evidence.shape), np.float32)
        for start in range(0, len(evidence), ROWS):
            rows = slice(start, start + ROWS)
            self._answer(self._inputs(evidence[rows], None if geometry is None else geometry[rows]), result[:, rows])
        return result

    def _inputs(self, evidence: np.ndarray, geometry: np.ndarray | None) -> np.ndarray:
        """[n, A, 1 + F]: how much of each class there is, and by that much its features' difference from typical."""
        seen = np.zeros((len(evidence), len(self.seen_classes), 1 + len(self.tensors["scale"])), np.float32)
        known = geometry is not None and seen.shape[2] > 1
        if known:
            seen[..., 0] = geometry[..., 0]
        seen[:, self.asked, 0] = evidence
        if known:
            features = np.nan_to_num(
                (geometry[..., 1:] - self.tensors["mean"]) / self.tensors["scale"]
            )  # not known: typical
            seen[..., 1:] = features * (seen[..., :1] * geometry[..., :1])
        return seen

    def _answer(self, seen: np.ndarray, result: np.ndarray) -> None:
        """Fill in result [M, n, C]. A class that is there is answered for by a pass of its own, without it.

        The first layer is a sum over the classes that are there, some three of eighty, so that it is summed over those
        alone, and a class is taken out by taking away its term. All variants are asked in the same products: of a single
        scene, live, the number of calls is what takes the time.
        """
        encoder, decoder = self.tensors["encoder"], self.tensors["decoder"].transpose(0, 2, 1)
        bias = self.tensors["decoder_bias"]
        row, column = np.nonzero(seen[..., 0])
        values = seen[row, column]
        terms = np.empty((len(encoder), len(row), encoder.shape[3]), np.float32)
        for part in _parts(len(row)):
            np.einsum("ef,mefd->med", values[part], encoder[:, column[part]], out=terms[:, part])
        first = np.zeros((len(encoder), len(seen), encoder.shape[3]), np.float32)
        if len(row):
            filled = np.flatnonzero(np.diff(row, prepend=-1))
            first[:, row[filled]] = np.add.reduceat(terms, filled, axis=1)
        first += self.tensors["encoder_bias"][:, None]
        np.matmul(self._rest(first), decoder.transpose(0, 2, 1), out=result)
        result += bias[:, None]

        target = np.full(len(self.seen_classes), -1)
        target[self.asked] = np.arange(len(self.asked))
        own = np.flatnonzero(target[column] >= 0)
        for part in _parts(len(own)):
            of_scene, of_class = row[own[part]], target[column[own[part]]]
            hidden = self._rest(first[:, of_scene] - terms[:, own[part]])
            answer = np.einsum("med,med->me", hidden, decoder[:, of_class])
            result[:, of_scene, of_class] = answer + bias[:, of_class]

    def _rest(self, first: np.ndarray) -> np.ndarray:
        """[M, rows, D] last hidden layer from the inputs of the first."""
        hidden = _silu(first)
        for b in range(self.tensors["blocks"].shape[1]):
            hidden += _silu(hidden @ self.tensors["blocks"][:, b] + self.tensors["block_bias"][:, b, None])
        return hidden

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Weights, and the classes of the inputs."""
        seeds = [variant.seed for variant in self.variants]
        return {"seeds": json.dumps(seeds), "seen_classes": json.dumps(self.seen_classes)}, self.tensors


def _parts(rows: int) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, rows, ROWS)]


def _silu(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # exp of a large number is inf, and x / inf is the 0 that is meant
        return x / (1 + np.exp(-x))


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train a network for each seed."""
    from contextual_anomaly.models.training import masked as masked_net

    features = len(FEATURES) if settings.geometry else 0
    seen_classes = data.object_geometry.classes if settings.geometry and data.object_geometry else data.classes
    mean, scale = np.zeros((len(seen_classes), features)), np.ones(features)
    if settings.geometry:
        mean, scale = _typical(data)
    model = Masked(name, data.classes, [], seen_classes, {"mean": mean, "scale": scale})
    params, history = masked_net.train_masked(
        masked_net.MaskedNet(len(data.classes), settings.units, settings.blocks, settings.dropout),
        _told(model, data, np.flatnonzero(~data.held_out)),
        _told(model, data, np.flatnonzero(data.held_out)[: masked_net.LOSS_SCENES]),
        len(seen_classes),
        model.asked,
        masked_net.TrainConfig(**settings.model_dump(include=set(masked_net.TrainConfig.__dataclass_fields__))),
        settings.seeds,
        threads,
        f"training {name}, {len(settings.seeds)} seeds",
    )
    stacked = {
        "mean": mean,
        "scale": scale,
        # Without the row of the hidden share: nothing is hidden from here on.
        "encoder": np.stack([p["encoder"]["kernel"][:-1].reshape(len(seen_classes), 1 + features, -1) for p in params]),
        "encoder_bias": np.stack([p["encoder"]["bias"] for p in params]),
        "blocks": np.stack([[p[f"block_{b}"]["kernel"] for b in range(settings.blocks)] for p in params]),
        "block_bias": np.stack([[p[f"block_{b}"]["bias"] for b in range(settings.blocks)] for p in params]),
        "decoder": np.stack([p["decoder"]["kernel"] for p in params]),
        "decoder_bias": np.stack([p["decoder"]["bias"] for p in params]),
    }
    return Fitted(Masked(name, data.classes, settings.seeds, seen_classes, stacked), history)


def _typical(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Of the images to fit on, the mean [A, F] of each class's features, and their spread [F] around it."""
    _, column, values = data.geometry_pairs(~data.held_out)
    known = ~np.isnan(values)
    total, number = np.zeros((2, len(data.object_geometry.classes), values.shape[1]), np.float32)
    np.add.at(total, column, np.where(known, values, 0))
    np.add.at(number, column, known)
    mean = total / np.maximum(number, 1)
    return mean, np.sqrt(np.maximum(np.nansum((values - mean[column]) ** 2, 0) / np.maximum(known.sum(0), 1), 1e-8))


def _told(model: Masked, data: TrainingData, images: np.ndarray) -> "Scene":
    """What the network is told of images [N]: the classes that are there, which are few, so that many images fit into memory."""
    from contextual_anomaly.models.training.masked import Scene

    features = model.tensors["scale"].shape[0]
    parts = []
    for part in _parts(len(images)):
        rows = images[part]
        seen = model._inputs(data.scenes.where(rows).presence, data.geometry(rows) if features else None)
        row, column = np.nonzero(seen[..., 0])
        parts.append((row + part.start, column, seen[row, column, 1:].astype(np.float16)))
    row, column, told = map(np.concatenate, zip(*parts, strict=True))
    begins = np.searchsorted(row, np.arange(len(images)))
    place = np.arange(len(row)) - begins[row]  # among the classes of its image
    shape = (len(images), place.max() + 1)
    classes = np.full(shape, len(model.seen_classes), np.int16)
    classes[row, place] = column
    filled = np.zeros((*shape, features), np.float16)
    filled[row, place] = told
    return Scene(classes, filled, data.scenes.counts[images] > 0)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Masked:
    """The networks of a state."""
    return Masked(
        metadata["name"],
        tuple(json.loads(metadata["classes"])),
        json.loads(metadata["seeds"]),
        tuple(json.loads(metadata["seen_classes"])),
        tensors,
    )
