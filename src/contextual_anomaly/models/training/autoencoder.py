"""The sweep trainer: autoencoders of every bottleneck and weight seed, side by side in one compiled program."""

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

from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.data import HELD_OUT_EVERY
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.training.autoencoder_net import AutoencoderNet
from contextual_anomaly.models.training.schedule import run_interleaved, say_times
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.scenes import Scenes

LANES = 8  # bottlenecks are padded to a multiple of the processor's vector width


@dataclass(frozen=True)
class Objective:
    """How an autoencoder is trained, and how its expectation is read afterwards."""

    optimizer: Callable[[], optax.GradientTransformation]
    mask_rate: float  # of the classes, taken out of the input at random
    asks_for_all: bool  # or for the hidden ones alone
    leave_one_out: bool


RECIPES = {
    # Keras of 2020: Adadelta with learning rate 1.0, which today's Keras and Optax no longer have as their default.
    "published": Objective(
        lambda: optax.adadelta(1.0, rho=0.95, eps=1e-7), 0.0, asks_for_all=True, leave_one_out=False
    ),
    # Vincent et al. 2008: classes are taken out of the input, and the whole scene is asked for.
    "denoising": Objective(lambda: optax.adam(2e-3), 0.3, asks_for_all=True, leave_one_out=True),
    # A class that the network cannot see cannot be copied, so it must be told from the others.
    "masked": Objective(lambda: optax.adam(2e-3), 0.3, asks_for_all=False, leave_one_out=True),
}


def train_sweep(
    scenes: Scenes,
    name: str,
    objective: Objective,
    bottlenecks: list[int],
    seeds: list[int],
    epochs: int,
    batch_size: int,
    threads: int,
) -> tuple[Autoencoder, pd.DataFrame]:
    """Train len(bottlenecks) × len(seeds) autoencoders.

    A seed decides a variant's first weights and its order of batches, whatever else is trained beside it.

    Args:
        scenes: N training images; every fifth validates.
        threads: processor cores to use, where there is no GPU; they change no result.

    Returns:
        the sweep, variants ordered by bottleneck then seed, and its history: bottleneck, seed, epoch, loss, val_loss
        (mean binary cross-entropy over the classes that were asked for).
    """
    presence = (scenes.counts > 0).astype(np.uint8)  # a quarter of the memory of floats, which a batch becomes
    validates = np.arange(len(presence)) % HELD_OUT_EVERY == 0
    program = _Program(presence[~validates], presence[validates], objective, _groups(bottlenecks), batch_size)

    keys = [jax.random.key(seed) for seed in seeds]
    if jax.default_backend() == "cpu" and jax.device_count() == 1:
        state, losses = _run_in_threads(program, keys, epochs, threads, name)
    else:
        state, losses = _run_at_once(program, keys, epochs, name)
    return _collect(scenes, name, objective, program, jax.device_get(state), losses, seeds)


def _run_in_threads(program: "_Program", keys: list[jax.Array], epochs: int, threads: int, name: str):
    """One seed fills a processor core; all seeds are runs of one compiled program.

    Returns:
        parameters with the seeds as first axis, and losses [epochs, S, 2, d].
    """
    start, epoch = jax.jit(program.start), jax.jit(program.epoch, donate_argnums=0)
    title = f"training {name}, {program.bottlenecks} bottlenecks × {len(keys)} seeds"
    states, losses = run_interleaved(epoch, [start(key) for key in keys], program.data, epochs, threads, title)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *[params for params, *_ in states])
    return stacked, np.array(losses).swapaxes(0, 1)


def _run_at_once(program: "_Program", keys: list[jax.Array], epochs: int, name: str):
    """All seeds side by side as well, spread over the devices: what GPUs want. Returns as `_run_in_threads`.

    Seeds share nothing but the images, which lie on every device, so no device waits for another.
    """
    devices = jax.devices()[: len(keys)]
    # Every device takes as many seeds; the first ones once more where that does not come out even.
    filled = [keys[i % len(keys)] for i in range(ceil(len(keys) / len(devices)) * len(devices))]
    mesh = Mesh(np.array(devices), ("seeds",))
    spread = NamedSharding(mesh, PartitionSpec("seeds"))
    data = jax.device_put(program.data, NamedSharding(mesh, PartitionSpec()))
    state = jax.jit(jax.vmap(program.start), out_shardings=spread)(jax.device_put(jnp.stack(filled), spread))
    epoch = jax.jit(jax.vmap(program.epoch, in_axes=(0, None)), donate_argnums=0, out_shardings=spread)
    losses, seconds = [], []
    title = f"training {name}, {program.bottlenecks} bottlenecks × {len(keys)} seeds at once, {len(devices)} devices"
    for _ in track(range(epochs), title, epochs, "epochs"):
        start = time.monotonic()
        state, loss = epoch(state, data)
        losses.append(loss)
        loss.block_until_ready()  # or the progress would run ahead of the work
        seconds.append(time.monotonic() - start)
    say_times([seconds])
    params, losses = jax.device_get((state[0], losses))
    return jax.tree.map(lambda leaf: leaf[: len(keys)], params), np.stack(losses)[:, : len(keys)]


def _groups(bottlenecks: list[int]) -> list[tuple[int, list[int]]]:
    """(padded width, bottlenecks of that width): little is computed on padding, and each width is one product."""
    groups: dict[int, list[int]] = {}
    for bottleneck in sorted(set(bottlenecks)):
        groups.setdefault(ceil(bottleneck / LANES) * LANES, []).append(bottleneck)
    return sorted(groups.items())


class _Program:
    """What one seed runs: all bottlenecks on the same batches, so that the encoders share one matrix product."""

    def __init__(
        self,
        train: np.ndarray,
        validation: np.ndarray,
        objective: Objective,
        groups: list[tuple[int, list[int]]],
        batch_size: int,
    ) -> None:
        self.data = jnp.asarray(train), jnp.asarray(validation)
        self.classes = train.shape[1]
        self.objective = objective
        self.groups = groups
        self.batch_size = batch_size
        self.optimizer = objective.optimizer()
        self.bottlenecks = sum(len(group) for _, group in groups)
        self.nets = [AutoencoderNet(self.classes, width) for width, _ in groups]

    def start(self, key: jax.Array):
        """Parameters, optimizer state, and the keys of the epochs."""
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
        """One pass over the shuffled training images; gives losses [2, d], training then validation."""
        train, validation = data
        params, state, order, number = carry
        shuffle, hide = jax.random.split(jax.random.fold_in(order, number))
        images, batch = len(train), self.batch_size
        steps = ceil(images / batch)
        # The last batch is filled up with images of weight 0.
        rows = jnp.resize(jax.random.permutation(shuffle, images), (steps, batch))
        weights = (jnp.arange(steps * batch) < images).astype(jnp.float32).reshape(steps, batch)

        def step(carry, batch_of):
            params, state = carry
            rows, weights, key = batch_of
            presence, hidden = train[rows].astype(jnp.float32), self._hidden(key, batch)
            stepped = [
                jax.vmap(partial(self._step, net, presence, hidden, weights))(p, s)
                for net, p, s in zip(self.nets, params, state, strict=True)
            ]
            params, state, losses = (list(column) for column in zip(*stepped, strict=True))
            return (params, state), jnp.concatenate(losses) * weights.sum()

        # Unhidden, the keys are never used and fall out of the program.
        carry, losses = jax.lax.scan(step, (params, state), (rows, weights, jax.random.split(hide, steps)))
        params, state = carry
        # The same classes are hidden in every epoch, so that epochs can be compared.
        seen = validation.astype(jnp.float32), self._hidden(order, len(validation))
        # One bottleneck at a time: side by side, as on a batch, they would multiply the memory of all validation images.
        losses_then = [
            jax.lax.map(partial(self._validation_loss, net, *seen), p) for net, p in zip(self.nets, params, strict=True)
        ]
        loss = jnp.stack([losses.sum(0) / images, jnp.concatenate(losses_then)])
        return (params, state, order, number + 1), loss

    def _hidden(self, key: jax.Array, images: int) -> jnp.ndarray | None:
        """[images, C] of 0 and 1, the classes taken out of the input; None hides none."""
        if not self.objective.mask_rate:
            return None
        return jax.random.bernoulli(key, self.objective.mask_rate, (images, self.classes)).astype(jnp.float32)

    def _step(self, net, presence, hidden, weights, params, state):
        loss, gradient = jax.value_and_grad(partial(self._loss, net))(params, presence, hidden, weights)
        updates, state = self.optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss

    def _validation_loss(self, net, presence, hidden, params):
        return self._loss(net, params, presence, hidden, jnp.ones(len(presence)))

    def _loss(self, net: nn.Module, params, presence, hidden, weights) -> jnp.ndarray:
        """Weighted mean over images of the mean binary cross-entropy over the classes asked for."""
        weights = weights[:, None]
        seen = presence if hidden is None else presence * (1 - hidden)
        if self.objective.asks_for_all:
            return _cross_entropy(net.apply(params, seen), presence, weights, weights.sum() * presence.shape[1])
        asked = hidden * weights
        return _cross_entropy(net.apply(params, seen), presence, asked, asked.sum())


def _narrow(params, bottleneck: jnp.ndarray, width: int, classes: int):
    """The initial weights of ``bottleneck`` units in a net of ``width``: the rest zero, Glorot's range for d, not width.

    The rest stays zero: a unit without weights outputs relu(0) = 0, whose derivative is 0 as well.
    """
    scale = jnp.sqrt((classes + width) / (classes + bottleneck)) * (jnp.arange(width) < bottleneck)
    layers = params["params"]
    encoder = {**layers["encoder"], "kernel": layers["encoder"]["kernel"] * scale}
    decoder = {**layers["decoder"], "kernel": layers["decoder"]["kernel"] * scale[:, None]}
    return {"params": {"encoder": encoder, "decoder": decoder}}


@jax.custom_vjp
def _cross_entropy(logits, presence, asked, total):
    """Binary cross-entropy summed over what is asked, / ``total``; presence and asked are 0 or 1, and it clips as Keras.

    Its derivative in the logits, sigmoid - presence, gives the loss as well: -log(1 - |sigmoid - presence|). Written so,
    an element costs one sigmoid and a quarter of a logarithm, a third of what differentiating the loss costs.
    """
    return _cross_entropy_forward(logits, presence, asked, total)[0]


def _cross_entropy_forward(logits, presence, asked, total):
    slope = (jax.nn.sigmoid(logits) - presence) * asked  # 0 where not asked: log(1) adds nothing
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


def _collect(scenes, name, objective, program: _Program, params, losses: np.ndarray, seeds: list[int]):
    """Padded groups -> one sweep and its history. ``losses`` [epochs, S, 2, d]."""
    widest = max(width for width, _ in program.groups)
    bottlenecks = [d for _, group in program.groups for d in group]

    def stacked(layer: str, leaf: str, axis: int | None) -> np.ndarray:
        parts = []
        for (width, _), group in zip(program.groups, params, strict=True):
            part = group["params"][layer][leaf]  # [S, d's, ...]
            if axis is not None:
                padding = [(0, 0)] * part.ndim
                padding[axis] = (0, widest - width)
                part = np.pad(part, padding)
            parts.append(part)
        joined = np.concatenate(parts, axis=1).swapaxes(0, 1)  # [d's, S, ...]
        return joined.reshape(-1, *joined.shape[2:])

    weights = {
        "encoder": stacked("encoder", "kernel", -1),
        "encoder_bias": stacked("encoder", "bias", -1),
        "decoder": stacked("decoder", "kernel", -2),
        "decoder_bias": stacked("decoder", "bias", None),
    }
    variants = tuple(Variant(d, seed) for d in bottlenecks for seed in seeds)
    index = pd.MultiIndex.from_product(
        [bottlenecks, seeds, range(1, len(losses) + 1)], names=["bottleneck", "seed", "epoch"]
    )
    values = losses.transpose(3, 1, 0, 2).reshape(-1, 2)  # [d × seeds × epochs, 2]
    history = pd.DataFrame(values, index=index, columns=["loss", "val_loss"]).reset_index()
    return Autoencoder(name, scenes.classes, variants, weights, objective.leave_one_out), history
