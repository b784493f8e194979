"""The training of the object transformer."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jaxtyping import Array, Float, Float32

from contextual_anomaly.models.training.object_net import ObjectNet
from contextual_anomaly.models.training.packing import PackedScenes
from contextual_anomaly.models.training.schedule import train_seeds

HIDING_SHARE = 0.25
"""Share of the images in whose labels some are hidden from the others, each with a probability of up to `HIDING_RATE`."""
HIDING_RATE = 0.6
DOUBT_RATE = 0.1
"""Share of the labels that are given as two classes, as a detector does that hesitates between them."""
BOXLESS_SHARE = 0.5
"""Share of the images in which classes lose their boxes, each with probability `BOXLESS_RATE`."""
BOXLESS_RATE = 0.25


@dataclass(frozen=True)
class ObjectTrainConfig:
    """Size and training of the network; the settings of `families.object_transformer` say what each field means."""

    units: int
    layers: int
    heads: int
    seeds: list[int]
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float


@dataclass(frozen=True)
class ObjectTrainingInputs:
    """What the network is trained on.

    Attributes:
        train: scenes to fit on.
        held_out: scenes that measure the fit.
        targets: [C] the place of each predicted class among the input classes.
        input_classes: A.
        scale: [8] what the box features were divided by, to tell boxes from them again.
        mean: [8] what was subtracted before.
    """

    train: PackedScenes
    held_out: PackedScenes
    targets: np.ndarray
    input_classes: int
    mean: np.ndarray
    scale: np.ndarray


def train_objects(
    inputs: ObjectTrainingInputs, config: ObjectTrainConfig, threads: int, title: str
) -> tuple[dict[str, Float[np.ndarray, "..."]], pd.DataFrame]:
    """Train M networks, one for each seed, to predict the class of each object, and which classes are present.

    Args:
        inputs: the packed training data.
        config: size and training.
        threads: processor cores to use.
        title: what the progress display says.

    Returns:
        The weights, stacked over the seeds, by "module/parameter". The history: seed, epoch, loss, val_loss (mean over
        scenes of the negative log-likelihood of the classes of all objects and of all C classes, each given the others),
        val_object_loss (mean over objects), val_class_loss (mean over scenes).
    """
    program = _Program(inputs, config)
    data = _device_arrays(inputs.train), _device_arrays(inputs.held_out)
    losses = ("loss", "val_loss", "val_object_loss", "val_class_loss")
    states, history = train_seeds(program, config.seeds, data, losses, threads, title)
    found = [flat_params(jax.device_get(state[0])) for state in states]
    return {name: np.stack([params[name] for params in found]) for name in found[0]}, history


def flat_params(params) -> dict[str, np.ndarray]:
    """Return the parameters of a network by "module/parameter".

    Args:
        params: what Flax gives: nested dictionaries with "params" at the top.
    """
    flat = {}
    for module, content in params["params"].items():
        if isinstance(content, dict):
            flat |= {f"{module}/{name}": np.asarray(value) for name, value in content.items()}
        else:
            flat[module] = np.asarray(content)
    return flat


def object_inputs(features: Float[Array, "... 8"], boxed: Array, crowd: Array) -> Float[Array, "... 10"]:
    """Return the inputs of an object beside its class: whether it has a box, whether it is a crowd, and the features."""
    there = boxed.astype(jnp.float32)[..., None]
    return jnp.concatenate([there, crowd.astype(jnp.float32)[..., None], features * there], axis=-1)


def _device_arrays(packed: PackedScenes) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value) for name, value in vars(packed).items()}


class _Program:
    """The training of one seed, an epoch in a call."""

    def __init__(self, inputs: ObjectTrainingInputs, config: ObjectTrainConfig) -> None:
        rows = len(inputs.train.column)
        scenes = max(int((inputs.train.scene.max(1) + 1).sum()), 1)
        self.classes, self.input_classes = len(inputs.targets), inputs.input_classes
        self.targets = np.asarray(inputs.targets)
        self.net = ObjectNet(
            self.input_classes, self.classes, config.units, config.layers, config.heads, config.dropout
        )
        self.mean, self.scale = inputs.mean, inputs.scale
        self.batch = max(1, min(rows, round(config.batch_size * rows / scenes)))
        self.steps = rows // self.batch
        self.epochs = max(config.epochs, -(-config.min_steps // self.steps))
        self.keep_best = self.epochs > config.epochs
        total = max(self.steps * self.epochs, 10)
        rate = optax.cosine_onecycle_schedule(total, config.learning_rate, 0.15, div_factor=10, final_div_factor=100)
        self.optimizer = optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(rate, b2=0.98, weight_decay=config.weight_decay)
        )

    def start(self, key: jax.Array, data):
        """Return the best parameters, the last ones, optimizer state, key, number of the epoch, and the least loss."""
        weights, order = jax.random.split(key)
        train, _ = data
        batch = {name: value[:1] for name, value in train.items()}
        params = self.net.init(weights, *self._inputs(batch, None))
        # Training starts from the class frequencies and learns what boxes and the other objects change.
        often = (
            jnp.bincount(train["column"].ravel(), length=self.input_classes) + 0.5
        )  # A, of unused places, is dropped
        params["params"]["class_of_object"]["bias"] = jnp.log(often / often.sum())
        asked = (train["hidden"] == -1) & (train["asked"] >= 0)
        hits = jnp.bincount(train["hidden"].ravel() + 1, length=1 + self.input_classes)[1 + self.targets]
        share = jnp.clip(hits / jnp.maximum(asked.sum(), 1), 1e-4, 1 - 1e-4)
        params["params"]["class_present"]["bias"] = jnp.log(share / (1 - share))
        best = jax.tree.map(jnp.copy, params)
        return best, params, self.optimizer.init(params), order, jnp.int32(0), jnp.float32(jnp.inf)

    def epoch(self, carry, data):
        """Pass once over the shuffled rows; the losses are the training mean and those of the held-out scenes."""
        train, held_out = data
        best, params, state, order, number, least = carry
        shuffle, noise = jax.random.split(jax.random.fold_in(order, number))
        rows = jax.random.permutation(shuffle, len(train["column"]))[: self.steps * self.batch]
        rows = rows.reshape(self.steps, self.batch)

        def loss_of(params, batch, key):
            sums = self._sums(params, batch, key)
            return (sums[0] + sums[2]) / jnp.maximum(sums[3], 1), sums

        def step(carry, given):
            params, state = carry
            chosen, key = given
            batch = {name: value[chosen] for name, value in train.items()}
            (_, sums), gradient = jax.value_and_grad(loss_of, has_aux=True)(params, batch, key)
            updates, state = self.optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), sums

        (params, state), sums = jax.lax.scan(step, (params, state), (rows, jax.random.split(noise, self.steps)))
        whole = len(held_out["column"]) // self.batch * self.batch or len(held_out["column"])
        parts = {
            name: value[:whole].reshape(-1, min(self.batch, whole), *value.shape[1:])
            for name, value in held_out.items()
        }
        objects, number_objects, classes, scenes, asked = jax.lax.map(
            lambda batch: self._sums(params, batch, None), parts
        ).sum(0)
        of_object, of_class = objects / jnp.maximum(number_objects, 1), classes / jnp.maximum(asked, 1)
        loss = (objects + classes) / jnp.maximum(scenes, 1)
        better = (loss < least) | (not self.keep_best)
        best = jax.tree.map(lambda old, new: jnp.where(better, new, old), best, params)
        carry = best, params, state, order, number + 1, jnp.minimum(loss, least)
        training = sums.sum(0)
        return carry, jnp.stack([(training[0] + training[2]) / training[3], loss, of_object, of_class])

    def _sums(self, params, batch: dict[str, jax.Array], key: jax.Array | None) -> Float32[Array, " 5"]:
        """Return summed losses of objects, their number, summed losses of classes, scenes, and scenes with questions."""
        noise, drop = (None, None) if key is None else jax.random.split(key)
        given = self._inputs(batch, noise)
        answers = self.net.apply(
            params, *given, train=key is not None, rngs=None if drop is None else {"dropout": drop}
        )
        of_object, of_class = map(jnp.asarray, answers)
        column, hidden = batch["column"], batch["hidden"]
        there = (column < self.input_classes) & ~batch["crowd"]
        surprise = -jnp.take_along_axis(
            jax.nn.log_softmax(of_object), jnp.minimum(column, self.input_classes - 1)[..., None], axis=-1
        )[..., 0]
        same = batch["asked"][:, :, None] == batch["scene"][:, None, :]
        label = jax.nn.one_hot(column, self.input_classes)
        present = jnp.einsum("rut,rta->rua", (same & (column < self.input_classes)[:, None]).astype(jnp.float32), label)
        absent = (present == 0).astype(jnp.float32)[..., self.targets]
        of_all = (jax.nn.softplus(of_class) * absent).sum(-1)
        place = np.zeros(self.input_classes, np.int32)
        place[self.targets] = np.arange(self.classes)
        own = jnp.take_along_axis(of_class, jnp.asarray(place)[jnp.maximum(hidden, 0)][..., None], axis=-1)[..., 0]
        asked = batch["asked"] >= 0
        general = asked & (hidden < 0)
        classes = jnp.where(general, of_all, 0).sum() + jnp.where(asked & (hidden >= 0), jax.nn.softplus(-own), 0).sum()
        scenes = (batch["scene"].max(1) + 1).sum()
        sums = [jnp.where(there, surprise, 0).sum(), there.sum(), classes, scenes, general.sum()]
        return jnp.stack([jnp.asarray(part, jnp.float32) for part in sums])

    def _inputs(self, batch: dict[str, jax.Array], key: jax.Array | None) -> tuple[jax.Array, ...]:
        """Return what `ObjectNet` takes; with a key, labels and boxes are hidden and images mirrored."""
        column, scene, features, boxed = (batch[name] for name in ("column", "scene", "features", "boxed"))
        labels = jax.nn.one_hot(column, self.input_classes)
        if key is not None:
            keys = jax.random.split(key, 9)
            in_row = jnp.maximum(scene, 0)
            shape = (len(column), 128)  # a number for each scene of a row

            def of_scene(key):
                return jnp.take_along_axis(jax.random.uniform(key, shape), in_row, axis=1)

            rate = jnp.where(of_scene(keys[0]) < HIDING_SHARE, HIDING_RATE * of_scene(keys[1]), 0)
            seen = jax.random.uniform(keys[2], column.shape) >= rate
            # A label in doubt gives its true class the probability with which it is true.
            sure = jax.random.uniform(keys[3], column.shape, minval=0.5)[..., None]
            other = jax.nn.one_hot(jax.random.randint(keys[4], column.shape, 0, self.input_classes), self.input_classes)
            right = jax.random.uniform(keys[5], column.shape)[..., None] < sure
            doubted = jnp.where(right, sure * labels + (1 - sure) * other, sure * other + (1 - sure) * labels)
            doubt = (jax.random.uniform(keys[6], column.shape) < DOUBT_RATE)[..., None]
            labels = jnp.where(doubt, doubted, labels) * seen[..., None]
            # Classes of a scene lose their boxes together: a class of image-level labels has none at all.
            lot = jax.random.uniform(keys[7], (len(column), 128))
            mixed = jnp.take_along_axis(lot, (in_row * 31 + column * 7) % 128, axis=1)
            boxed = boxed & ((of_scene(keys[8]) >= BOXLESS_SHARE) | (mixed >= BOXLESS_RATE))
            mirrored = of_scene(jax.random.fold_in(key, 9)) < 0.5
            sides = jnp.where(mirrored, -1, 1)[..., None] * features[..., :1]
            features = jnp.concatenate([sides, features[..., 1:]], axis=-1)
        objects = object_inputs(features, boxed, batch["crowd"])
        boxes = features[..., :4] * self.scale[:4] + self.mean[:4]
        questions = batch["aspect"][..., None]
        of_objects = (scene[:, :, None] == scene[:, None, :]) & (scene >= 0)[:, None, :]
        of_objects &= ~jnp.eye(column.shape[1], dtype=bool)
        of_images = (batch["asked"][:, :, None] == scene[:, None, :]) & (scene >= 0)[:, None, :]
        of_images &= batch["hidden"][:, :, None] != column[:, None, :]
        visible = jnp.concatenate([of_objects, of_images], axis=1).astype(jnp.float32)
        return labels, objects, boxes, questions, visible
