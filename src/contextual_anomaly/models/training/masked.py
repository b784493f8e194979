"""The masked network in Flax and its training, apart from the model so that asking it does not start JAX."""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from contextual_anomaly.models.training.schedule import run_interleaved

TYPICAL_SHARE = 0.15  # of the objects seen in training, those whose geometry is hidden: they are taken as typical
LOSS_SCENES = 20_000  # held-out scenes that the history's loss is of, at most


class MaskedNet(nn.Module):
    """A residual network; gives logits, [.., inputs] -> [.., classes]."""

    classes: int
    units: int
    blocks: int
    dropout: float

    @nn.compact
    def __call__(self, inputs: jnp.ndarray, train: bool = False) -> jnp.ndarray:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        # Most inputs are 0, so that first weights may be larger than their number allows.
        wide = nn.initializers.variance_scaling(inputs.shape[-1] / 160, "fan_in", "normal")
        hidden = drop(nn.silu(nn.Dense(self.units, kernel_init=wide, name="encoder")(inputs)))
        for block in range(self.blocks):
            hidden += drop(nn.silu(nn.Dense(self.units, name=f"block_{block}")(hidden)))
        return nn.Dense(self.classes, name="decoder")(hidden)


@dataclass(frozen=True)
class Scene:
    """What the network is told of N scenes over A classes, of which K at most are there and C are asked for."""

    classes: np.ndarray  # [N, K] int16: which are there, A in what is left over
    # [N, K, F] float16, 0 where typical: half precision holds features well enough.
    features: np.ndarray
    presence: np.ndarray  # [N, C] bool

    def arrays(self) -> tuple[jax.Array, ...]:
        """For the device; features as bits, or XLA on a processor turns all of them into floats before it takes a batch."""
        return jnp.asarray(self.classes), jnp.asarray(self.features.view(np.uint16)), jnp.asarray(self.presence)


@dataclass(frozen=True)
class TrainConfig:
    """How the network is trained."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    mask_rate: float


def train_masked(
    net: MaskedNet,
    train: Scene,
    held_out: Scene,
    seen_classes: int,
    asked: np.ndarray,
    config: TrainConfig,
    seeds: list[int],
    threads: int,
    title: str,
) -> tuple[list[dict], pd.DataFrame]:
    """Train the network with each seed to answer for a class that it does not see.

    Args:
        seen_classes: A.
        asked: [C] which of the A classes each of the C is.

    Returns:
        the parameters of each seed, the last input row of the encoder being the hidden share, and the history: seed,
        epoch, loss, val_loss (mean over scenes of the negative log-likelihood of all C classes, each given the others).
    """
    program = _Program(net, seen_classes, asked, len(train.presence), config)
    start, epoch = jax.jit(program.start), jax.jit(program.epoch, donate_argnums=0)
    data = train.arrays(), held_out.arrays()
    states = [start(jax.random.key(seed), data) for seed in seeds]
    states, losses = run_interleaved(epoch, states, data, config.epochs, threads, title)
    rows = [
        (seed, number, *map(float, loss))
        for seed, of_seed in zip(seeds, losses, strict=True)
        for number, loss in enumerate(of_seed, start=1)
    ]
    history = pd.DataFrame(rows, columns=["seed", "epoch", "loss", "val_loss"])
    return [jax.device_get(params["params"]) for params, *_ in states], history


class _Program:
    """One seed's training, an epoch a call."""

    def __init__(self, net: MaskedNet, seen_classes: int, asked: np.ndarray, images: int, config: TrainConfig) -> None:
        self.net = net
        self.seen_classes = seen_classes
        self.asked = jnp.asarray(asked)
        self.mask_rate = config.mask_rate
        self.batch = min(config.batch_size, images)
        self.steps = images // self.batch
        total = max(self.steps * config.epochs, 10)
        rate = optax.cosine_onecycle_schedule(total, config.learning_rate, 0.15, div_factor=10, final_div_factor=100)
        self.optimizer = optax.adamw(rate, b2=0.99, weight_decay=config.weight_decay)

    def start(self, key: jax.Array, data):
        """Parameters, optimizer state, and the keys of the epochs."""
        weights, order = jax.random.split(key)
        (_, features, presence), _ = data
        params = self.net.init(weights, jnp.zeros((1, self.seen_classes * (1 + features.shape[-1]) + 1)))
        # It starts from how frequent the classes are, and learns what the others change.
        share = jnp.clip(presence.mean(0), 1e-4, 1 - 1e-4)
        params["params"]["decoder"]["bias"] = jnp.log(share / (1 - share))
        return params, self.optimizer.init(params), order, jnp.int32(0)

    def epoch(self, carry, data):
        """One pass over the shuffled scenes; gives the mean loss while training, and that of the held-out scenes."""
        train, held_out = data
        params, state, order, number = carry
        shuffle, noise = jax.random.split(jax.random.fold_in(order, number))
        rows = jax.random.permutation(shuffle, len(train[0]))[: self.steps * self.batch].reshape(self.steps, self.batch)

        def step(carry, batch):
            params, state = carry
            rows, key = batch
            seen, presence = self._dense(*(part[rows] for part in train))
            loss, gradient = jax.value_and_grad(self._loss)(params, seen, presence, key, True)
            updates, state = self.optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (params, state), losses = jax.lax.scan(step, (params, state), (rows, jax.random.split(noise, self.steps)))
        loss = self._loss(params, *self._dense(*held_out), order, False)
        return (params, state, order, number + 1), jnp.stack([losses.mean(), loss])

    def _dense(self, classes, features, presence) -> tuple[jnp.ndarray, jnp.ndarray]:
        """Of n scenes, [n, A, 1 + F]: presence and features, 0 where absent; and [n, C]."""
        features = jax.lax.bitcast_convert_type(features, jnp.float16).astype(jnp.float32)
        told = jnp.concatenate([jnp.ones((*classes.shape, 1)), features], axis=-1)
        nothing = jnp.zeros((len(classes), self.seen_classes, told.shape[-1]))
        seen = nothing.at[jnp.arange(len(classes))[:, None], classes].set(told, mode="drop")  # noqa: PD008
        return seen, presence.astype(jnp.float32)

    def _loss(self, params, seen, presence, key, train: bool) -> jnp.ndarray:
        """Mean negative pseudo-log-likelihood, from two passes a scene.

        One with all that is there answers for the absent classes. One with a present class taken out, drawn at random,
        answers for it, and stands for all the present ones.
        """
        hide, forget, choose, share, drop = jax.random.split(key, 5)
        rate = jnp.zeros((len(seen), 1))
        if train:
            # Some classes are not seen, so that none is relied on. How many is told, and no scene that is asked about
            # later has any: or the network would take an absent class for one that may be hidden.
            rate = 3 * self.mask_rate * jnp.maximum(jax.random.uniform(share, rate.shape, minval=-0.5), 0)
            seen *= jax.random.bernoulli(hide, 1 - rate, seen.shape[:2])[..., None]
            known = jax.random.bernoulli(forget, 1 - TYPICAL_SHARE, seen.shape[:2])[..., None]
            seen = jnp.concatenate([seen[..., :1], seen[..., 1:] * known], axis=-1)
        drawn = jnp.argmax(jax.random.gumbel(choose, presence.shape) - 1e9 * (presence == 0), axis=1)
        without = seen * (1 - jax.nn.one_hot(self.asked[drawn], seen.shape[1]))[..., None]
        inputs = jnp.concatenate([seen, without]).reshape(2 * len(seen), -1)
        inputs = jnp.concatenate([inputs, jnp.tile(3 * rate, (2, 1))], axis=1)
        logits = self.net.apply(params, inputs, train=train, rngs={"dropout": drop})
        of_all, of_drawn = jnp.split(logits, 2)
        absent = (jax.nn.softplus(of_all) * (1 - presence)).sum(1)
        present = jax.nn.softplus(-jnp.take_along_axis(of_drawn, drawn[:, None], axis=1)[:, 0]) * presence.sum(1)
        return (absent + present).mean()
