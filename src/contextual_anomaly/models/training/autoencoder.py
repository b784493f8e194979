"""Train a sweep of autoencoders: every bottleneck and weight seed, side by side in one compiled program."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Float32

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.training.autoencoder_net import AutoencoderNet
from contextual_anomaly.models.training.schedule import RUN_ONCE, log_epoch_times, run_interleaved
from contextual_anomaly.runtime.progress import track

LANES = 8  # bottlenecks are padded to a multiple of the processor's vector width


@dataclass(frozen=True)
class Objective:
    """What an autoencoder is trained for.

    Attributes:
        optimizer: makes the optimizer.
        mask_rate: share of the classes that are taken out of the input at random.
        predicts_all: whether the loss is over all classes, or over the masked ones only.
    """

    optimizer: Callable[[], optax.GradientTransformation]
    mask_rate: float
    predicts_all: bool


OBJECTIVES = {
    # Keras of 2020: Adadelta with learning rate 1.0, which today's Keras and Optax no longer have as their default.
    "published": Objective(lambda: optax.adadelta(1.0, rho=0.95, eps=1e-7), 0.0, predicts_all=True),
    # Vincent et al. 2008: classes are taken out of the input, and the whole scene is predicted.
    "denoising": Objective(lambda: optax.adam(2e-3), 0.3, predicts_all=True),
    # A class that is not in the input cannot be copied, so it must be predicted from the others.
    "masked": Objective(lambda: optax.adam(2e-3), 0.3, predicts_all=False),
}


@dataclass(frozen=True)
class SweepConfig:
    """Which autoencoders are trained, and how.

    Attributes:
        objective: one of `OBJECTIVES`.
        bottlenecks: units of the hidden layer, ascending.
        seeds: seeds of the first weights and of the order of images.
        epochs: passes over the training images; 0 returns the first weights.
        batch_size: images in a step.
    """

    objective: Objective
    bottlenecks: list[int]
    seeds: list[int]
    epochs: int
    batch_size: int


def train_sweep(
    data: TrainingData, config: SweepConfig, threads: int, title: str
) -> tuple[dict[str, Float[np.ndarray, "..."]], pd.DataFrame]:
    """Train M = len(bottlenecks) × len(seeds) autoencoders.

    A seed determines a variant's first weights and its order of batches, whatever else is trained beside it.

    Args:
        data: the scenes; the held-out ones validate.
        config: what to train.
        threads: processor cores to use, where there is no GPU; their number changes no result.
        title: what the progress display says.

    Returns:
        The weights, ordered by bottleneck then seed: encoder [M, C, D], encoder_bias [M, D], decoder [M, D, C],
        decoder_bias [M, C], padded with zeros to the widest. The history: bottleneck, seed, epoch, loss, val_loss (mean
        binary cross-entropy over the predicted classes).
    """
    presence = data.scenes.counts > 0  # a quarter of the memory of floats, which a batch becomes
    program = _Program(presence[~data.held_out], presence[data.held_out], config)
    keys = [jax.random.key(seed) for seed in config.seeds]
    title += f", {len(config.bottlenecks)} bottlenecks × {len(keys)} seeds"
    if jax.default_backend() == "cpu" and jax.device_count() == 1:
        params, losses = _run_in_threads(program, keys, config.epochs, threads, title)
    else:
        params, losses = _run_at_once(program, keys, config.epochs, title)
    return _join_groups(program, jax.device_get(params)), _history(losses, config)


def _run_in_threads(
    program: "_Program", keys: list[jax.Array], epochs: int, threads: int, title: str
) -> tuple[list, np.ndarray]:
    """Train each seed on one processor core; all seeds run the same compiled program.

    Returns:
        Parameters with the seeds as first axis, and losses [epochs, S, 2, d].
    """
    start = jax.jit(program.start, compiler_options=RUN_ONCE)
    epoch = jax.jit(program.epoch, donate_argnums=0)
    states, losses = run_interleaved(epoch, [start(key) for key in keys], program.data, epochs, threads, title)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *[params for params, *_ in states])
    shape = len(keys), epochs, 2, program.bottlenecks
    return stacked, np.array(losses, np.float32).reshape(shape).swapaxes(0, 1)


def _run_at_once(program: "_Program", keys: list[jax.Array], epochs: int, title: str) -> tuple[list, np.ndarray]:
    """Train all seeds side by side, spread over the devices, which suits GPUs; returns as `_run_in_threads`.

    Seeds share nothing but the images, of which every device has a copy, so no device waits for another.
    """
    devices = jax.devices()[: len(keys)]
    # Every device gets the same number of seeds; the first seeds are repeated where they do not divide evenly.
    filled = [keys[i % len(keys)] for i in range(ceil(len(keys) / len(devices)) * len(devices))]
    mesh = Mesh(np.array(devices), ("seeds",))
    spread = NamedSharding(mesh, PartitionSpec("seeds"))
    data = jax.device_put(program.data, NamedSharding(mesh, PartitionSpec()))
    state = jax.jit(jax.vmap(program.start), out_shardings=spread)(jax.device_put(jnp.stack(filled), spread))
    epoch = jax.jit(jax.vmap(program.epoch, in_axes=(0, None)), donate_argnums=0, out_shardings=spread)
    losses, seconds = [], []
    for _ in track(range(epochs), f"{title} at once, {len(devices)} devices", epochs, "epochs"):
        start = time.monotonic()
        state, loss = epoch(state, data)
        losses.append(loss)
        loss.block_until_ready()  # or the progress would run ahead of the work
        seconds.append(time.monotonic() - start)
    log_epoch_times([seconds])
    params, losses = jax.device_get((state[0], losses))
    shape = epochs, len(filled), 2, program.bottlenecks
    losses = np.array(losses, np.float32).reshape(shape)[:, : len(keys)]
    return jax.tree.map(lambda leaf: leaf[: len(keys)], params), losses


def _groups(bottlenecks: list[int]) -> list[tuple[int, list[int]]]:
    """Return (padded width, bottlenecks of that width): each width is one product, and little of it is padding."""
    groups: dict[int, list[int]] = {}
    for bottleneck in sorted(set(bottlenecks)):
        groups.setdefault(ceil(bottleneck / LANES) * LANES, []).append(bottleneck)
    return sorted(groups.items())


class _Program:
    """The training of one seed: all bottlenecks on the same batches, so that the encoders share one matrix product."""

    def __init__(self, train: Bool[np.ndarray, "n C"], validation: Bool[np.ndarray, "v C"], config: SweepConfig):
        self.data = jnp.asarray(train), jnp.asarray(validation)
        self.classes = train.shape[1]
        self.objective = config.objective
        self.groups = _groups(config.bottlenecks)
        self.batch_size = config.batch_size
        self.optimizer = config.objective.optimizer()
        self.bottlenecks = len(config.bottlenecks)
        self.nets = [AutoencoderNet(self.classes, width) for width, _ in self.groups]

    def start(self, key: jax.Array):
        """Return parameters, optimizer state, the key of the epochs, and the number of the first."""
        weights, order = jax.random.split(key)
        params = []
        for net, (width, bottlenecks) in zip(self.nets, self.groups, strict=True):
            d = jnp.asarray(bottlenecks)
            keys = jax.vmap(partial(jax.random.fold_in, weights))(d)
            first = jax.vmap(lambda k, net=net: net.init(k, jnp.zeros((1, self.classes))))(keys)
            params.append(jax.vmap(partial(_narrow, width=width, classes=self.classes))(first, d))
        state = [jax.vmap(self.optimizer.init)(p) for p in params]
        return params, state, order, jnp.int32(0)

    def epoch(self, carry, data):
        """Pass once over the shuffled training images; the losses are [2, d], training then validation."""
        train, validation = data
        params, state, order, number = carry
        shuffle, mask = jax.random.split(jax.random.fold_in(order, number))
        images, batch = len(train), self.batch_size
        steps = ceil(images / batch)
        # The last batch is filled up with images of weight 0.
        rows = jnp.resize(jax.random.permutation(shuffle, images), (steps, batch))
        weights = (jnp.arange(steps * batch) < images).astype(jnp.float32).reshape(steps, batch)

        def step(carry, batch_rows):
            params, state = carry
            rows, weights, key = batch_rows
            presence, masked = train[rows].astype(jnp.float32), self._masked(key, batch)
            stepped = [
                jax.vmap(partial(self._step, net, presence, masked, weights))(p, s)
                for net, p, s in zip(self.nets, params, state, strict=True)
            ]
            params, state, losses = (list(column) for column in zip(*stepped, strict=True))
            return (params, state), jnp.concatenate(losses) * weights.sum()

        # Without masking the keys are never used and the compiler drops them.
        carry, losses = jax.lax.scan(step, (params, state), (rows, weights, jax.random.split(mask, steps)))
        params, state = carry
        # The same classes are masked in every epoch, so that epochs can be compared.
        held_out = validation.astype(jnp.float32), self._masked(order, len(validation))
        # One bottleneck at a time: side by side, as on a batch, they would multiply the memory of all validation images.
        val_losses = [
            jax.lax.map(partial(self._validation_loss, net, *held_out), p)
            for net, p in zip(self.nets, params, strict=True)
        ]
        loss = jnp.stack([losses.sum(0) / images, jnp.concatenate(val_losses)])
        return (params, state, order, number + 1), loss

    def _masked(self, key: jax.Array, images: int) -> Float32[Array, "images C"] | None:
        """Return 1 for each class that is taken out of the input; None masks nothing."""
        if not self.objective.mask_rate:
            return None
        return jax.random.bernoulli(key, self.objective.mask_rate, (images, self.classes)).astype(jnp.float32)

    def _step(self, net, presence, masked, weights, params, state):
        loss, gradient = jax.value_and_grad(partial(self._loss, net))(params, presence, masked, weights)
        updates, state = self.optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss

    def _validation_loss(self, net, presence, masked, params):
        return self._loss(net, params, presence, masked, jnp.ones(len(presence)))

    def _loss(
        self,
        net: nn.Module,
        params,
        presence: Float32[Array, "n C"],
        masked: Float32[Array, "n C"] | None,
        weights: Float32[Array, " n"],
    ) -> Float32[Array, ""]:
        """Return the weighted mean over images of the mean binary cross-entropy over the predicted classes."""
        weights = weights[:, None]
        inputs = presence if masked is None else presence * (1 - masked)
        logits = jnp.asarray(net.apply(params, inputs))
        if masked is None or self.objective.predicts_all:
            return _cross_entropy(logits, presence, weights, weights.sum() * presence.shape[1])
        predicted = masked * weights
        return _cross_entropy(logits, presence, predicted, predicted.sum())


def _narrow(params, bottleneck: jax.Array, width: int, classes: int):
    """Return initial weights of ``bottleneck`` units in a net of ``width``: Glorot's range for d, and zeros beyond.

    The zeros stay zero: a unit without weights outputs relu(0) = 0, whose derivative is 0 as well.
    """
    scale = jnp.sqrt((classes + width) / (classes + bottleneck)) * (jnp.arange(width) < bottleneck)
    layers = params["params"]
    encoder = {**layers["encoder"], "kernel": layers["encoder"]["kernel"] * scale}
    decoder = {**layers["decoder"], "kernel": layers["decoder"]["kernel"] * scale[:, None]}
    return {"params": {"encoder": encoder, "decoder": decoder}}


@jax.custom_vjp
def _cross_entropy(logits, presence, predicted, total):
    """Return the binary cross-entropy summed over the predicted entries, divided by ``total``, clipped as in Keras.

    Its derivative in the logits, sigmoid - presence, gives the loss as well: -log(1 - |sigmoid - presence|). Written so,
    an element costs one sigmoid and a quarter of a logarithm: an epoch of the sweep of 15 bottlenecks over 56,000 × 79
    takes 0.34 s of a core, 1.13 s with `optax.sigmoid_binary_cross_entropy` and 0.70 s with a softplus.

    Args:
        logits: [n, C].
        presence: [n, C], 0 or 1.
        predicted: [n, C], 0 or 1: the entries that count.
        total: the divisor.
    """
    return _cross_entropy_forward(logits, presence, predicted, total)[0]


def _cross_entropy_forward(logits, presence, predicted, total):
    slope = (jax.nn.sigmoid(logits) - presence) * predicted  # elsewhere 0, and log(1) adds nothing
    likelihood = jnp.maximum(1 - jnp.abs(slope), 1e-7)
    # The logarithm of a product of four, which is 1e-28 at least, in place of four logarithms.
    quarter = len(likelihood) // 4
    first, second, third, fourth = (likelihood[i * quarter : (i + 1) * quarter] for i in range(4))
    loss = -(jnp.log(first * second * third * fourth).sum() + jnp.log(likelihood[4 * quarter :]).sum()) / total
    return loss, (slope, total)


def _cross_entropy_backward(residuals, cotangent):
    slope, total = residuals
    return slope * (cotangent / total), None, None, None


_cross_entropy.defvjp(_cross_entropy_forward, _cross_entropy_backward)


def _join_groups(program: _Program, params: list) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the weights of all groups, padded to the widest and ordered by bottleneck, then seed."""
    widest = max(width for width, _ in program.groups)

    def joined(layer: str, leaf: str, axis: int | None) -> np.ndarray:
        parts = []
        for (width, _), group in zip(program.groups, params, strict=True):
            part = group["params"][layer][leaf]  # [S, d's, ...]
            if axis is not None:
                padding = [(0, 0)] * part.ndim
                padding[axis] = (0, widest - width)
                part = np.pad(part, padding)
            parts.append(part)
        whole = np.concatenate(parts, axis=1).swapaxes(0, 1)  # [d's, S, ...]
        return whole.reshape(-1, *whole.shape[2:])

    return {
        "encoder": joined("encoder", "kernel", -1),
        "encoder_bias": joined("encoder", "bias", -1),
        "decoder": joined("decoder", "kernel", -2),
        "decoder_bias": joined("decoder", "bias", None),
    }


def _history(losses: Float[np.ndarray, "E S 2 d"], config: SweepConfig) -> pd.DataFrame:
    """Return bottleneck, seed, epoch, loss, val_loss."""
    epochs = range(1, config.epochs + 1)
    index = pd.MultiIndex.from_product(
        [config.bottlenecks, config.seeds, epochs], names=["bottleneck", "seed", "epoch"]
    )
    values = losses.transpose(3, 1, 0, 2).reshape(-1, 2)  # [d × seeds × epochs, 2]
    return pd.DataFrame(values, index=index, columns=["loss", "val_loss"]).reset_index()
