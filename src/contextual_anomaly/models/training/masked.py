"""The masked network as a Flax module, and its training."""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jaxtyping import Array, Float, Float32, Integer

from contextual_anomaly.models.inputs import SparseInputs, TrainingInputs
from contextual_anomaly.models.training.schedule import train_seeds

TYPICAL_RATE = 0.15  # share of the classes whose features are replaced by typical ones while training


class MaskedNet(nn.Module):
    """A residual network: logits [..., C] from inputs [..., A · (1 + F) + 1], the last of which is the mask rate.

    Attributes:
        classes: C.
        units: units of each hidden layer.
        blocks: residual layers after the first.
        dropout: share of units that are left out while training.
    """

    classes: int
    units: int
    blocks: int
    dropout: float

    @nn.compact
    def __call__(self, inputs: jax.Array | np.ndarray, train: bool = False) -> jax.Array:
        """Return the logits."""
        drop = nn.Dropout(self.dropout, deterministic=not train)
        # Most inputs are 0, so the first weights may be larger than for dense inputs of this number.
        wide = nn.initializers.variance_scaling(inputs.shape[-1] / 160, "fan_in", "normal")
        hidden = drop(nn.silu(nn.Dense(self.units, kernel_init=wide, name="encoder")(inputs)))
        for block in range(self.blocks):
            hidden += drop(nn.silu(nn.Dense(self.units, name=f"block_{block}")(hidden)))
        return nn.Dense(self.classes, name="decoder")(hidden)


@dataclass(frozen=True)
class TrainConfig:
    """Size and training of the network; the settings of `families.masked` say what each field means."""

    units: int
    blocks: int
    seeds: list[int]
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    mask_rate: float


def train_masked(
    inputs: TrainingInputs, config: TrainConfig, threads: int, title: str
) -> tuple[dict[str, Float[np.ndarray, "..."]], pd.DataFrame]:
    """Train M networks, one for each seed, to predict a class from the others.

    Args:
        inputs: the encoded training data.
        config: size and training.
        threads: processor cores to use; their number changes no result.
        title: what the progress display says.

    Returns:
        The weights, stacked over the seeds: encoder [M, A, 1 + F, D], encoder_bias [M, D], blocks [M, B, D, D],
        block_bias [M, B, D], decoder [M, D, C], decoder_bias [M, C]. The history: seed, epoch, loss, val_loss (mean over
        scenes of the negative log-likelihood of all C classes, each given the others).
    """
    program = _Program(inputs, config)
    data = device_arrays(inputs.train), device_arrays(inputs.held_out)
    states, history = train_seeds(program, config.seeds, data, ("loss", "val_loss"), threads, title)
    params = [jax.device_get(params["params"]) for params, *_ in states]
    shape = len(inputs.encoding.classes), inputs.encoding.width, config.units
    return {
        # Without the row of the mask rate, which is 0 in prediction.
        "encoder": np.stack([p["encoder"]["kernel"][:-1].reshape(shape) for p in params]),
        "encoder_bias": np.stack([p["encoder"]["bias"] for p in params]),
        "blocks": np.stack([[p[f"block_{b}"]["kernel"] for b in range(config.blocks)] for p in params]),
        "block_bias": np.stack([[p[f"block_{b}"]["bias"] for b in range(config.blocks)] for p in params]),
        "decoder": np.stack([p["decoder"]["kernel"] for p in params]),
        "decoder_bias": np.stack([p["decoder"]["bias"] for p in params]),
    }, history


def device_arrays(inputs: SparseInputs) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return classes, features and presence for the device.

    Features are passed as bits: XLA on a processor would otherwise convert all of them to float32 before each epoch.
    """
    return jnp.asarray(inputs.classes), jnp.asarray(inputs.features.view(np.uint16)), jnp.asarray(inputs.presence)


def dense_inputs(
    classes: Integer[Array, "n K"], features: Integer[Array, "n K F"], input_classes: int
) -> Float32[Array, "n A G"]:
    """Return [n, A, 1 + F] presence and features of each input class, 0 where it is absent.

    Args:
        classes: [n, K] the present classes, A in unused places.
        features: [n, K, F] bits of float16.
        input_classes: A.
    """
    values = jax.lax.bitcast_convert_type(features, jnp.float16).astype(jnp.float32)
    present = jnp.concatenate([jnp.ones((*classes.shape, 1)), values], axis=-1)
    absent = jnp.zeros((len(classes), input_classes, present.shape[-1]))
    return absent.at[jnp.arange(len(classes))[:, None], classes].set(present, mode="drop")  # noqa: PD008


class _Program:
    """The training of one seed, an epoch in a call."""

    def __init__(self, inputs: TrainingInputs, config: TrainConfig) -> None:
        images, classes = inputs.train.presence.shape
        self.net = MaskedNet(classes, config.units, config.blocks, config.dropout)
        self.encoding = inputs.encoding
        self.mask_rate = config.mask_rate
        self.batch = min(config.batch_size, images)
        self.steps = images // self.batch
        self.epochs = max(config.epochs, -(-config.min_steps // self.steps))
        # Few images are easily learnt by heart, so that the last epoch need not be the best one.
        self.keep_best = self.epochs > config.epochs
        total = max(self.steps * self.epochs, 10)
        rate = optax.cosine_onecycle_schedule(total, config.learning_rate, 0.15, div_factor=10, final_div_factor=100)
        self.optimizer = optax.adamw(rate, b2=0.99, weight_decay=config.weight_decay)

    def start(self, key: jax.Array, data):
        """Return the best parameters, the last ones, optimizer state, key, number of the epoch, and the least loss."""
        weights, order = jax.random.split(key)
        (_, _, presence), _ = data
        params = self.net.init(weights, jnp.zeros((1, len(self.encoding.classes) * self.encoding.width + 1)))
        # Training starts from the class frequencies and learns what the other classes change.
        share = jnp.clip(presence.mean(0), 1e-4, 1 - 1e-4)
        params["params"]["decoder"]["bias"] = jnp.log(share / (1 - share))
        best = jax.tree.map(jnp.copy, params)  # another buffer, because both are donated
        return best, params, self.optimizer.init(params), order, jnp.int32(0), jnp.float32(jnp.inf)

    def epoch(self, carry, data):
        """Pass once over the shuffled scenes; the losses are the training mean and that of the held-out scenes."""
        train, held_out = data
        best, params, state, order, number, least = carry
        shuffle, noise = jax.random.split(jax.random.fold_in(order, number))
        rows = jax.random.permutation(shuffle, len(train[0]))[: self.steps * self.batch].reshape(self.steps, self.batch)

        def step(carry, batch):
            params, state = carry
            rows, key = batch
            loss, gradient = jax.value_and_grad(self._loss)(params, tuple(part[rows] for part in train), key, True)
            updates, state = self.optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (params, state), losses = jax.lax.scan(step, (params, state), (rows, jax.random.split(noise, self.steps)))
        loss = self._loss(params, held_out, order, False)
        better = (loss < least) | (not self.keep_best)
        best = jax.tree.map(lambda old, new: jnp.where(better, new, old), best, params)
        carry = best, params, state, order, number + 1, jnp.minimum(loss, least)
        return carry, jnp.stack([losses.mean(), loss])

    def _loss(self, params, scenes: tuple[jax.Array, jax.Array, jax.Array], key, train: bool) -> Float32[Array, ""]:
        """Return the mean negative pseudo-log-likelihood, from two passes for each scene.

        One pass with all present classes predicts the absent ones. One with a random present class left out predicts
        that class, and stands for all the present ones.
        """
        classes, features, presence = scenes
        inputs = dense_inputs(classes, features, len(self.encoding.classes))
        presence = presence.astype(jnp.float32)
        mask, forget, choose, share, drop = jax.random.split(key, 5)
        rate = jnp.zeros((len(inputs), 1))
        if train:
            # Mask random classes, so that the network relies on none. The mask rate is an input (0 in prediction), so
            # that the network can tell an absent class from a masked one.
            rate = 3 * self.mask_rate * jnp.maximum(jax.random.uniform(share, rate.shape, minval=-0.5), 0)
            inputs *= jax.random.bernoulli(mask, 1 - rate, inputs.shape[:2])[..., None]
            known = jax.random.bernoulli(forget, 1 - TYPICAL_RATE, inputs.shape[:2])[..., None]
            inputs = jnp.concatenate([inputs[..., :1], inputs[..., 1:] * known], axis=-1)
        drawn = jnp.argmax(jax.random.gumbel(choose, presence.shape) - 1e9 * (presence == 0), axis=1)
        targets = jnp.asarray(self.encoding.targets)
        without = inputs * (1 - jax.nn.one_hot(targets[drawn], inputs.shape[1]))[..., None]
        both = jnp.concatenate([inputs, without]).reshape(2 * len(inputs), -1)
        both = jnp.concatenate([both, jnp.tile(3 * rate, (2, 1))], axis=1)
        logits = jnp.asarray(self.net.apply(params, both, train=train, rngs={"dropout": drop}))
        of_all, of_drawn = jnp.split(logits, 2)
        absent = (jax.nn.softplus(of_all) * (1 - presence)).sum(1)
        present = jax.nn.softplus(-jnp.take_along_axis(of_drawn, drawn[:, None], axis=1)[:, 0]) * presence.sum(1)
        return (absent + present).mean()
