"""The object transformer: which class an object has, given its box and the other objects, and which classes are present.

Each object is a token: its class, and place and size of its box. A query reads the objects that it may see and no other;
see `training.object_net`. All answers are leave-one-out: an object's own class never reaches the answer about it, and
neither classes nor boxes of a class's objects reach the answer whether that class is present.
"""

import json
import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

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
from contextual_anomaly.models.scene_tokens import SceneTokens, of_scenes, scene_tokens
from contextual_anomaly.models.settings import Count, Positive, Section, Seeds, Share
from contextual_anomaly.scene_objects import BOX_FEATURES, SceneObjects

MAX_HELD_OUT = 4_000  # held-out scenes that measure the fit
Answer = Literal["presence", "next_class"]
CERTAIN = 1 - 1e-6  # the largest probability of a class of an object, of which log-odds are taken
CELLS_AT_ONCE = 20_000  # tokens with their padding, which bounds the arrays of a prediction
FAR, LEAST_WEIGHT, MASKED = 4.0, 1e-9, -1e9  # as in `training.object_net`, which this repeats without JAX


class Settings(Section):
    """Size and training."""

    family: Literal["object_transformer"]
    units: Count = Field(96, description="Units of each token; a multiple of heads.")
    layers: Count = Field(3, description="Layers of attention.")
    heads: Count = Field(4, description="Heads of each attention.")
    seeds: Seeds = Field(
        [0], description="Seeds of the first weights and of the order of images, one network for each."
    )
    epochs: Count = Field(8, description="Passes over the training images.")
    min_steps: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Least number of training steps: with few images, more epochs are run, and the one that predicts the "
        "held-out images best is kept. null: 1,000 for own data, else none.",
    )
    batch_size: Count = Field(256, description="Images in a step, on average.")
    learning_rate: Positive = Field(
        0.002, description="Largest learning rate of AdamW, after a warm-up and before a decay."
    )
    weight_decay: Positive = Field(0.01, description="Weight decay of AdamW.")
    dropout: Share = Field(0.0, description="Share of units that are dropped in each training step.")
    row_length: Annotated[int, Field(ge=8, le=400)] = Field(
        64,
        description="Objects in a row of the training program, in which several images share a row. Of an image with more "
        "objects, as many are drawn.",
    )
    answer: Answer = Field(
        "presence",
        description="What the log-odds of a class say. presence: that the image has the class. next_class: that the next "
        "class to join the image would be this one. They tell what is out of context, and are no probabilities of presence.",
    )

    objects: ClassVar[bool] = True
    """The model learns from the objects of images one by one."""


class ObjectTransformer(Conditional):
    """M trained networks; prediction runs in NumPy and does not start JAX."""

    family = "object_transformer"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        seeds: list[int],
        input_classes: tuple[str, ...],
        heads: int,
        tensors: dict[str, np.ndarray],
        answer: Answer = "presence",
    ) -> None:
        """Make the model.

        Args:
            name: the model's name.
            classes: C class names.
            seeds: M seeds, one for each network.
            input_classes: A classes of objects, the C among them.
            heads: of each attention.
            tensors: feature_mean [8] and feature_scale [8] of the box features, and the parameters of
                `training.object_net.ObjectNet` by name, stacked over the M networks.
            answer: what the log-odds of a class say, see `Settings`.
        """
        self.name = name
        self.classes = classes
        self.variants = tuple(Variant(seed=seed) for seed in seeds)
        self.input_classes = input_classes
        self.heads = heads
        self.answer = answer
        self.tensors = {key: np.asarray(tensor, np.float32) for key, tensor in tensors.items()}
        place = {known: a for a, known in enumerate(input_classes)}
        self.targets = np.array([place[predicted] for predicted in classes])
        self.layers = sum(key.endswith("_nothing") for key in tensors)
        params = {key: tensor for key, tensor in self.tensors.items() if not key.startswith("feature_")}
        self._networks = _Networks(params, heads)
        self._last_scene: tuple[tuple, list[tuple[np.ndarray, _Batch, list[_Said]]]] | None = None

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] log-odds, see `ContextModel`.

        Args:
            presence: [N, C], which of the classes' objects count, and how much. A class without objects among them that is
                present counts as an object without a box.
            geometry: the scenes' objects.
        """
        presence = np.asarray(presence, np.float32)
        result = np.empty((len(self.variants), *presence.shape), np.float32)
        target = np.full(len(self.input_classes), -1)
        target[self.targets] = np.arange(len(self.targets))
        for rows, batch, said in self._batches(presence, geometry):
            # For each scene a question that sees all its objects, and one for each class of its objects, which sees the others.
            column = batch.column[batch.scene, batch.place]
            own = target[column] >= 0
            scene, column = divmod(np.unique(batch.scene[own] * len(target) + column[own]), len(target))
            number = 1 + np.arange(len(scene)) - np.searchsorted(scene, scene)
            hidden = np.full((len(rows), number.max(initial=0) + 1), -1)
            hidden[scene, number] = column
            visible = batch.weight[:, None] * (hidden[..., None] != batch.column[:, None])
            state = self._read(batch, said, visible)
            found = self._classes(state[:, :, 0])
            found[:, scene, target[column]] = self._one_class(state[:, scene, number], target[column])
            result[:, rows] = found
        return result

    def object_log_probabilities(self, objects: SceneObjects, own_box: bool = True) -> Float32[np.ndarray, "M K A"]:
        """Return log P(class of an object | its box, the other objects and their boxes).

        Args:
            objects: K objects of the model's A input classes. The class of an object itself does not count.
            own_box: whether the object's own box is known; without, it is log P(class | the other objects and their boxes).

        Returns:
            [M, K, A]; an object whose own certainty is 0 is answered like any other, and no other object sees it.
        """
        tokens = scene_tokens(None, objects, self.targets, self.input_classes)
        return self._class_of_objects(tokens, len(objects.column), own_box)

    def _class_of_objects(self, tokens: SceneTokens, objects: int, own_box: bool) -> Float32[np.ndarray, "M K A"]:
        result = np.zeros((len(self.variants), objects, len(self.input_classes)), np.float32)
        for rows in _chunks(tokens.lengths, CELLS_AT_ONCE // len(self.variants)):
            part = of_scenes(tokens, rows)
            batch = self._batch(part)
            visible = batch.weight[:, None] * ~np.eye(batch.column.shape[1], dtype=bool)
            bias = self._networks.pair_bias(batch.boxes, batch.objects[..., :1]) if own_box else None
            said = self._networks.said_by(batch)
            state = self._networks.read(said, self._networks.object_queries(batch, visible, own_box), visible, bias)
            answer = self._networks.class_of_object(state[:, batch.scene, batch.place])
            result[:, part.source] = _log_softmax(answer)
        return result

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`; a question for each subset."""
        (_, batch, said), *_ = self._batches(np.asarray(presence, np.float32)[None], of_one_scene(geometry))
        kept = np.ones((len(subsets), len(self.input_classes) + 1), np.float32)  # what is not predicted stays
        kept[:, self.targets] = subsets
        visible = (batch.weight[0] * kept[:, batch.column[0]])[None]
        return self._classes(self._read(batch, said, visible)[:, 0])[..., targets]

    def _read(self, batch: "_Batch", said: "list[_Said]", visible: np.ndarray) -> np.ndarray:
        """Return [M, N, U, D], what the questions about classes have read."""
        ask = self._networks.image_queries if self.answer == "presence" else self._networks.next_class_queries
        return self._networks.read(said, ask(batch, visible), visible, None)

    def _classes(self, state: np.ndarray) -> np.ndarray:
        """Return [M, ..., C] log-odds of all classes."""
        if self.answer == "presence":
            return self._networks.class_present(state)
        log_share = _log_softmax(self._networks.class_of_object(state))[..., self.targets]
        return log_share - np.log1p(-np.minimum(np.exp(log_share), np.float32(CERTAIN)))

    def _one_class(self, state: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the log-odds of one class for each of some states, [M, n]."""
        if self.answer == "presence":
            return self._networks.one_class_present(state, target)
        return self._classes(state)[:, np.arange(len(target)), target]

    def _batches(
        self, presence: np.ndarray, geometry: Geometry | None
    ) -> "list[tuple[np.ndarray, _Batch, list[_Said]]] | Iterator[tuple[np.ndarray, _Batch, list[_Said]]]":
        """Return batch by batch which scenes it holds, their tokens, and what the networks read of them.

        A single scene is kept until the next: who asks for its log-odds asks for the reasons as well.
        """
        if len(presence) != 1 or not isinstance(geometry, SceneObjects):
            tokens = scene_tokens(presence, geometry, self.targets, self.input_classes)
            return self._batches_of(tokens)
        key = (geometry.classes, presence.tobytes(), *geometry.content())
        kept = self._last_scene
        if kept is None or kept[0] != key:
            tokens = scene_tokens(presence, geometry, self.targets, self.input_classes)
            self._last_scene = kept = key, list(self._batches_of(tokens))
        return kept[1]

    def _batches_of(self, tokens: SceneTokens) -> "Iterator[tuple[np.ndarray, _Batch, list[_Said]]]":
        for rows in _chunks(tokens.lengths, CELLS_AT_ONCE // len(self.variants)):
            batch = self._batch(of_scenes(tokens, rows))
            yield rows, batch, self._networks.said_by(batch)

    def _batch(self, tokens: SceneTokens) -> "_Batch":
        """Return tokens padded to the longest scene."""
        lengths = tokens.lengths
        shape = len(tokens), lengths.max(initial=0)
        scene = tokens.scene
        place = np.arange(len(scene)) - tokens.offsets[scene]
        column, weight = np.full(shape, len(self.input_classes)), np.zeros(shape, np.float32)
        column[scene, place], weight[scene, place] = tokens.column, tokens.weight
        objects, boxes = np.zeros((*shape, 2 + len(BOX_FEATURES)), np.float32), np.zeros((*shape, 4), np.float32)
        boxed = ~np.isnan(tokens.features[:, 0])
        scaled = (tokens.features - self.tensors["feature_mean"]) / self.tensors["feature_scale"]
        objects[scene, place] = np.column_stack([boxed, tokens.crowd, np.nan_to_num(scaled)])
        boxes[scene, place] = np.where(boxed[:, None], tokens.features[:, :4], self.tensors["feature_mean"][:4])
        return _Batch(scene, place, column, weight, objects, boxes, tokens.aspect)

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the weights, the seeds and the classes of objects."""
        seeds = [variant.seed for variant in self.variants]
        text = {"seeds": seeds, "input_classes": self.input_classes, "heads": self.heads}
        if self.answer != "presence":  # files of presence say what they have always said, so that their digest stays
            text["answer"] = self.answer
        return {name: json.dumps(value) for name, value in text.items()}, self.tensors


class _Batch:
    """Scenes padded to T tokens: what each token is, and where the K real tokens are."""

    def __init__(self, scene, place, column, weight, objects, boxes, aspect) -> None:
        self.scene, self.place = scene, place  # [K] of each real token
        self.column, self.weight = column, weight  # [N, T], A and 0 in padding
        self.objects, self.boxes = objects, boxes  # [N, T, 10], [N, T, 4]
        self.aspect = aspect  # [N]


_Said = tuple[np.ndarray, np.ndarray, np.ndarray]
"""What objects say in a layer: [M, N, H T, D] what a query is multiplied by for the attention of each head to each object;
[M, N, 1, H, T] what is added to that; [M, N, H T, D] what the objects answer."""


class _Networks:
    """M networks, as `training.object_net.ObjectNet` computes them, in the same products."""

    def __init__(self, params: dict[str, np.ndarray], heads: int) -> None:
        self.layers = sum(key.endswith("_nothing") for key in params)
        self.units, self.heads = params["classes"].shape[2], heads
        # Normalisation takes the mean away from what it is given, so that it is left out of all that is summed before.
        summed = ("classes", "object", "object_mlp_out", "query_object", "query_image")
        summed += tuple(f"layer_{layer}{part}" for layer in range(self.layers) for part in ("_out", "_mlp_out"))
        self.params = {
            name: value - value.mean(-1, keepdims=True) if name.partition("/")[0] in summed else value
            for name, value in params.items()
        }

    def _dense(self, name: str, inputs: np.ndarray) -> np.ndarray:
        """Return [M, ..., E] of inputs [M, ..., D], or [1, ..., D] where they are the same for all networks."""
        kernel = self.params[f"{name}/kernel"]
        rows = inputs.reshape(len(inputs), math.prod(inputs.shape[1:-1]), inputs.shape[-1])
        output = rows @ kernel
        if (bias := self.params.get(f"{name}/bias")) is not None:
            output += bias[:, None]
        return output.reshape(len(kernel), *inputs.shape[1:-1], kernel.shape[-1])

    def _mlp(self, name: str, inputs: np.ndarray) -> np.ndarray:
        return self._dense(f"{name}_out", _silu(self._dense(f"{name}_in", inputs)))

    def object_queries(self, batch: _Batch, visible: np.ndarray, own_box: bool) -> np.ndarray:
        """Return [M, N, T, D]."""
        number = np.log1p(visible.sum(-1, keepdims=True))
        known = batch.objects.copy()
        if not own_box:  # as of an object without a box
            known[..., :1] = known[..., 2:] = 0
        return self._dense("query_object", np.concatenate([known, number], -1)[None])

    def image_queries(self, batch: _Batch, visible: np.ndarray) -> np.ndarray:
        """Return [M, N, U, D]."""
        number = np.log1p(visible.sum(-1, keepdims=True))
        aspect = np.broadcast_to(batch.aspect[:, None, None], number.shape)
        return self._dense("query_image", np.concatenate([aspect, number], -1)[None])

    def next_class_queries(self, batch: _Batch, visible: np.ndarray) -> np.ndarray:
        """Return [M, N, U, D], of one more object, without a box.

        In training, the objects of a class lose their boxes together. So it is of a class that no object with a box has.
        """
        number = np.log1p(visible.sum(-1, keepdims=True))
        unknown = np.zeros((*number.shape[:2], batch.objects.shape[-1]), np.float32)
        return self._dense("query_object", np.concatenate([unknown, number], -1)[None])

    def pair_bias(self, boxes: np.ndarray, boxed: np.ndarray) -> np.ndarray:
        """Return [M, N, T, T, L, H]."""
        bias = self._dense("pair_out", _silu(self._dense("pair_in", _pair_features(boxes)[None])))
        bias *= boxed[:, :, None] * boxed[:, None]
        return bias.reshape(*bias.shape[:-1], self.layers, self.heads)

    def said_by(self, batch: _Batch) -> list[_Said]:
        """Return for each layer what objects say, whoever asks."""
        content = self.params["classes"][:, batch.column] + self._dense("object", batch.objects[None])
        content += self._mlp("object_mlp", _norm(content))
        content = _norm(content)
        return [self._said(f"layer_{layer}", content) for layer in range(self.layers)]

    def read(self, said: list[_Said], query: np.ndarray, visible: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """Return [M, N, Q, D], what queries have become after they have read the objects that are visible to them.

        Args:
            said: what the objects say.
            query: [M, N, Q, D].
            visible: [N, Q, T].
            bias: [M, N, Q, T, L, H] added to the attention.
        """
        weight = np.where(visible > 0, np.log(np.maximum(visible, LEAST_WEIGHT)), MASKED)
        weight = weight[:, :, None].astype(np.float32)
        by_head = (*query.shape[:3], self.heads, visible.shape[-1])
        for layer, (asked, shift, answer) in enumerate(said):
            name = f"layer_{layer}"
            scores = (_norm(query) @ asked.swapaxes(-1, -2)).reshape(by_head)
            scores += shift
            if bias is not None:
                scores += bias[..., layer, :].swapaxes(-1, -2)
            scores += weight
            nothing = self.params[f"{name}_nothing"][:, None, None, :, None]
            scores -= (largest := np.maximum(scores.max(-1, keepdims=True, initial=MASKED), nothing))
            attention = np.exp(scores, out=scores)
            attention /= attention.sum(-1, keepdims=True) + np.exp(nothing - largest)
            query = query + attention.reshape(*query.shape[:3], answer.shape[2]) @ answer
            query += self.params[f"{name}_out/bias"][:, None, None]
            query += self._mlp(f"{name}_mlp", _norm(query))
        return _norm(query)

    def _said(self, name: str, content: np.ndarray) -> _Said:
        """Return what a layer reads.

        What projects queries before attention and its outcome behind is multiplied into keys and values: queries are many,
        one for each subset of a scene, and objects are few.
        """
        networks, scenes, tokens, units = content.shape
        by_head = networks, scenes, tokens, self.heads, units // self.heads
        joined = networks, scenes, self.heads * tokens, units
        keys, values = (
            self._dense(f"{name}_{part}", content).reshape(by_head).transpose(0, 1, 3, 2, 4)
            for part in ("key", "value")
        )
        keys = keys * np.float32(by_head[-1] ** -0.5)
        kernel = self.params[f"{name}_query/kernel"].reshape(networks, 1, units, *by_head[3:]).transpose(0, 1, 3, 4, 2)
        shift = keys @ self.params[f"{name}_query/bias"].reshape(networks, 1, *by_head[3:], 1)
        outcome = self.params[f"{name}_out/kernel"].reshape(networks, 1, *by_head[3:], units)
        return (keys @ kernel).reshape(joined), shift[:, :, None, :, :, 0], (values @ outcome).reshape(joined)

    def class_of_object(self, state: np.ndarray) -> np.ndarray:
        """Return [M, ..., A] logits."""
        return self._dense("class_of_object", state)

    def class_present(self, state: np.ndarray) -> np.ndarray:
        """Return [M, ..., C] log-odds."""
        return self._dense("class_present", state)

    def one_class_present(self, state: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the log-odds of one class for each of some states, [M, n]."""
        kernel, bias = self.params["class_present/kernel"], self.params["class_present/bias"]
        return np.einsum("mnd,mdn->mn", state, kernel[:, :, target]) + bias[:, target]


def _pair_features(boxes: np.ndarray) -> np.ndarray:
    """Return [N, T, T, 6], as `training.object_net.pair_features`."""
    q, k = boxes[:, :, None], boxes[:, None]
    q_size, k_size = np.exp(q[..., 2:]), np.exp(k[..., 2:])
    distance = k[..., :2] - q[..., :2]
    reach = (q_size + k_size) / 2
    overlap = np.maximum(np.minimum(np.minimum(q_size, k_size), reach - np.abs(distance)), 0).prod(-1)
    parts = [np.clip(distance / reach, -FAR, FAR), k[..., 2:] - q[..., 2:]]
    shares = [overlap / q_size.prod(-1), overlap / k_size.prod(-1)]
    return np.concatenate([*parts, np.stack(shares, axis=-1)], axis=-1)


def _chunks(lengths: np.ndarray, cells: int) -> list[np.ndarray]:
    """Return the scenes of each batch, of so many tokens: those of about the same length together, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    chunks, start = [], 0
    while start < len(order):
        count = 1
        # Scenes ascend in length, so that the last of a batch decides what it holds with its padding.
        while start + count < len(order) and (count + 1) * (1 + lengths[order[start + count]]) <= cells:
            count += 1
        chunks.append(order[start : start + count])
        start += count
    return chunks


def _norm(x: np.ndarray) -> np.ndarray:
    """Return vectors of mean 0 with a standard deviation of 1."""
    variance = np.einsum("...d,...d->...", x, x)[..., None] * np.float32(1 / x.shape[-1])
    return x * (1 / np.sqrt(variance + np.float32(1e-6)))


def _silu(x: np.ndarray) -> np.ndarray:
    result = np.negative(x)
    with np.errstate(over="ignore"):  # exp of a large number is inf, and x / inf is the 0 that is meant
        np.exp(result, out=result)
    result += 1
    return np.divide(x, result, out=result)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train a network for each seed.

    Without the objects of the images, it learns from presence alone, each class as an object without a box. Images whose
    objects are all of classes that are not predicted teach the classes of objects.
    """
    from contextual_anomaly.models.training.objects import train_objects

    if settings.units % settings.heads:
        raise ValueError(f"units {settings.units} is no multiple of heads {settings.heads}")
    inputs, input_classes = training_inputs(data, settings.row_length)
    weights, history = train_objects(
        inputs, train_config(settings), threads, f"training {name}, {len(settings.seeds)} seeds"
    )
    tensors = {"feature_mean": inputs.mean, "feature_scale": inputs.scale, **weights}
    model = ObjectTransformer(
        name, data.classes, settings.seeds, input_classes, settings.heads, tensors, settings.answer
    )
    return Fitted(model, history)


def train_config(settings: Settings):
    """Return size and training of the network, `training.objects.ObjectTrainConfig`, of some settings."""
    from contextual_anomaly.models.training.objects import ObjectTrainConfig

    own = settings.model_dump(exclude={"family", "min_steps", "row_length", "answer"})
    return ObjectTrainConfig(**own, min_steps=settings.min_steps or 0)


def training_inputs(data: TrainingData, row_length: int):
    """Return what the network is trained on, `training.objects.ObjectTrainingInputs`, and the classes of objects.

    Args:
        data: the training data.
        row_length: objects in a row.
    """
    from contextual_anomaly.models.training.objects import ObjectTrainingInputs
    from contextual_anomaly.models.training.packing import pack

    image_objects = data.image_objects
    input_classes = data.classes if image_objects is None else image_objects.classes
    targets = np.array([input_classes.index(known) for known in data.classes])
    predicted = np.zeros(len(input_classes), bool)
    predicted[targets] = True
    held_out = np.flatnonzero(data.held_out)[:MAX_HELD_OUT]
    fitted = np.flatnonzero(~data.held_out)

    def tokens_of(rows: np.ndarray) -> SceneTokens:
        objects = None if image_objects is None else image_objects.of(data.scenes.image_ids[rows])
        return scene_tokens(data.scenes.where(rows).presence, objects, targets, input_classes)

    parts = [tokens_of(fitted)]
    asked = [np.ones(len(fitted), bool)]
    if image_objects is not None:
        others = np.flatnonzero(~np.isin(image_objects.image_ids, data.scenes.image_ids))
        parts.append(scene_tokens(None, image_objects.objects[others], targets, input_classes))
        asked.append(np.zeros(len(others), bool))
    train, measured = _joined(parts), tokens_of(held_out)
    known = train.features[~np.isnan(train.features[:, 0])]
    mean, scale = np.zeros(len(BOX_FEATURES), np.float32), np.ones(len(BOX_FEATURES), np.float32)
    if len(known):
        mean, scale = known.mean(0), np.maximum(known.std(0), 0.05)
    mean[0] = 0  # the middle of the image, around which images are mirrored

    def packed(tokens: SceneTokens, questions: np.ndarray):
        return pack(tokens, (tokens.features - mean) / scale, questions, predicted, row_length, 0)

    rows = packed(train, np.concatenate(asked)), packed(measured, np.ones(len(held_out), bool))
    return ObjectTrainingInputs(rows[0], rows[1], targets, len(input_classes), mean, scale), input_classes


def _joined(parts: list[SceneTokens]) -> SceneTokens:
    lengths = np.concatenate([part.lengths for part in parts])
    fields = ("column", "features", "crowd", "weight", "aspect", "source")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    return SceneTokens(offsets=np.concatenate([[0], np.cumsum(lengths)]), **joined)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> ObjectTransformer:
    """Restore the networks of a state."""
    return ObjectTransformer(
        metadata["name"],
        tuple(json.loads(metadata["classes"])),
        json.loads(metadata["seeds"]),
        tuple(json.loads(metadata["input_classes"])),
        json.loads(metadata["heads"]),
        tensors,
        json.loads(metadata.get("answer", '"presence"')),
    )
