"""The masked network: a residual network that is asked for classes which are hidden from it.

The autoencoder's weakness is its objective, not its size: it sees the class that it is asked for, and copies it. With
layouts it is also told how many objects of each class there are, how large and where, and of classes that are not asked
for (a person).
"""

import json
from typing import Literal

import numpy as np

from contextual_anomaly.layouts import FEATURES
from contextual_anomaly.models.base import Conditional, Member
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Count, Positive, Section, Seeds, Share

ROWS = 2048  # scenes or answers at a time: bounds the arrays to some 40 MB


class Settings(Section):
    """Inputs, size and effort."""

    family: Literal["masked"]
    # Whether it is told numbers, sizes and places of the other objects, and of classes that scenes leave out.
    layout: bool = False
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
    hidden_share: Share = 0.1


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
        self.members = tuple(Member(seed=seed) for seed in seeds)
        self.seen_classes = seen_classes
        self.tensors = {key: np.asarray(tensor, np.float32) for key, tensor in tensors.items()}
        place = {name: a for a, name in enumerate(seen_classes)}
        self.asked = np.array([place[name] for name in classes])  # [C] place among the A

    def log_odds(self, evidence: np.ndarray, layout: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C]."""
        evidence = np.asarray(evidence, np.float32)
        result = np.empty((len(self.members), *evidence.shape), np.float32)
        for start in range(0, len(evidence), ROWS):
            rows = slice(start, start + ROWS)
            seen = self._inputs(evidence[rows], None if layout is None else layout[rows])
            for m in range(len(self.members)):
                self._answer(m, seen, result[m, rows])
        return result

    def _inputs(self, evidence: np.ndarray, layout: np.ndarray | None) -> np.ndarray:
        """[n, A, 1 + F]: how much of each class there is, and by that much its features' difference from typical."""
        seen = np.zeros((len(evidence), len(self.seen_classes), 1 + len(self.tensors["scale"])), np.float32)
        known = layout is not None and seen.shape[2] > 1
        if known:
            seen[..., 0] = layout[..., 0]
        seen[:, self.asked, 0] = evidence
        if known:
            features = (layout[..., 1:] - self.tensors["mean"]) / self.tensors["scale"]
            seen[..., 1:] = features * (seen[..., :1] * layout[..., :1])
        return seen

    def _answer(self, m: int, seen: np.ndarray, result: np.ndarray) -> None:
        """Fill in result [n, C]. A class that is there is answered for by a pass of its own, without it.

        The first layer is a sum over the classes that are there, some three of eighty, so that it is summed over those
        alone, and a class is taken out by taking away its term.
        """
        encoder = self.tensors["encoder"][m]
        row, column = np.nonzero(seen[..., 0])
        terms = np.empty((len(row), encoder.shape[2]), np.float32)
        for start in range(0, len(row), ROWS):
            part = slice(start, start + ROWS)
            terms[part] = np.einsum("ef,efd->ed", seen[row[part], column[part]], encoder[column[part]], optimize=False)
        first = np.zeros((len(seen), encoder.shape[2]), np.float32)
        filled = np.flatnonzero(np.diff(row, prepend=-1))
        if len(row):
            first[row[filled]] = np.add.reduceat(terms, filled, axis=0)
        first += self.tensors["encoder_bias"][m]
        result[:] = self._rest(m, first) @ self.tensors["decoder"][m] + self.tensors["decoder_bias"][m]

        target = np.full(len(self.seen_classes), -1)
        target[self.asked] = np.arange(len(self.asked))
        own = target[column] >= 0
        row, column, terms = row[own], target[column[own]], terms[own]
        decoder, bias = self.tensors["decoder"][m].T, self.tensors["decoder_bias"][m]
        for start in range(0, len(row), ROWS):
            part = slice(start, start + ROWS)
            hidden = self._rest(m, first[row[part]] - terms[part])
            result[row[part], column[part]] = (hidden * decoder[column[part]]).sum(1) + bias[column[part]]

    def _rest(self, m: int, first: np.ndarray) -> np.ndarray:
        """The last hidden layer from the inputs of the first."""
        hidden = _silu(first)
        for weights, bias in zip(self.tensors["blocks"][m], self.tensors["block_bias"][m], strict=True):
            hidden = hidden + _silu(hidden @ weights + bias)
        return hidden

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Weights, and the classes of the inputs."""
        seeds = [member.seed for member in self.members]
        return {"seeds": json.dumps(seeds), "seen_classes": json.dumps(self.seen_classes)}, self.tensors


def _silu(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # exp of a large number is inf, and x / inf is the 0 that is meant
        return x / (1 + np.exp(-x))


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train a network for each seed."""
    from contextual_anomaly.models import masked_net

    features = len(FEATURES) if settings.layout else 0
    seen_classes = data.layouts.classes if settings.layout and data.layouts else data.classes
    mean, scale = np.zeros((len(seen_classes), features)), np.ones(features)
    model = Masked(name, data.classes, [], seen_classes, {"mean": mean, "scale": scale})
    if settings.layout:
        layout = data.layout(~data.held_out)
        there = layout[..., :1]
        mean = (layout[..., 1:] * there).sum(0) / np.maximum(there.sum(0), 1)
        spread = ((layout[..., 1:] - mean) ** 2 * there).sum((0, 1)) / there.sum()
        scale = np.sqrt(np.maximum(spread, 1e-8))
        model = Masked(name, data.classes, [], seen_classes, {"mean": mean, "scale": scale})
        scenes = [model._inputs(data.presence, layout)]
        scenes.append(model._inputs(data.held_out_presence, data.layout(data.held_out)))
    else:
        scenes = [model._inputs(presence, None) for presence in (data.presence, data.held_out_presence)]

    net = masked_net.MaskedNet(len(data.classes), settings.units, settings.blocks, settings.dropout)
    params, history = masked_net.train_masked(
        net,
        masked_net.Scene(scenes[0], data.presence),
        masked_net.Scene(scenes[1], data.held_out_presence),
        model.asked,
        masked_net.Effort(**settings.model_dump(include=set(masked_net.Effort.__dataclass_fields__))),
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


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Masked:
    """The networks of a state."""
    return Masked(
        metadata["name"],
        tuple(json.loads(metadata["classes"])),
        json.loads(metadata["seeds"]),
        tuple(json.loads(metadata["seen_classes"])),
        tensors,
    )
