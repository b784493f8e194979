"""Training of `BoxNet` with cross-validation over images: all folds and weight seeds together in one program."""

from functools import partial
from math import ceil
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from contextual_anomaly.array_types import Float, Float32, Int
from contextual_anomaly.experiments.rescoring.box_net import BoxNet

IMAGES_PER_STEP = 32
LEARNING_RATE = 1e-3
Params = Any  # a tree of arrays, as flax and optax take it
# There is little to learn from some hundred images: strong decay keeps corrections near zero without evidence.
WEIGHT_DECAY = 0.3


def cross_validated_corrections(
    features: Float32[np.ndarray, "N K F"],
    column: Int[np.ndarray, "N K"],
    score: Float[np.ndarray, "N K"],
    correct: Float[np.ndarray, "N K"],
    counted: Float[np.ndarray, "N K"],
    fold: Int[np.ndarray, " N"],
    classes: int,
    seeds: list[int],
    epochs: int,
) -> tuple[Float32[np.ndarray, "N K"], Float32[np.ndarray, " 2"]]:
    """Return corrections of each box's log-odds by networks that were not trained on its image.

    Args:
        features: [N, K, F] of the K boxes of N images; the first is the detector's log-odds.
        column: [N, K] class of each box.
        score: [N, K] of the detector, 0 where there is no box.
        correct: [N, K] share of COCO's overlaps at which the box is correct.
        counted: [N, K] share at which it is correct or wrong, not ignored; 0 where there is no box.
        fold: [N] of the images.
        classes: their number.
        seeds: of first weights and batches; the correction is the mean over as many networks.
        epochs: passes over the training images.

    Returns:
        [N, K] float32, and the mean training loss over the last epoch, before and after [2].
    """
    folds = int(fold.max()) + 1
    steps_per_epoch = ceil(len(features) * (folds - 1) / folds / IMAGES_PER_STEP)
    trains = jnp.asarray(np.stack([fold != k for k in range(folds)]), jnp.float32)
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    data = tuple(jnp.asarray(a) for a in (features, column, score, correct, counted))
    corrections, losses = jax.device_get(_train_all(data, trains, keys, classes, steps_per_epoch, epochs))
    return corrections.mean(1)[fold, np.arange(len(fold))], losses.mean((0, 1))


@partial(jax.jit, static_argnames=("classes", "steps_per_epoch", "epochs"))
def _train_all(
    data: tuple[jax.Array, ...], trains: jax.Array, keys: jax.Array, classes: int, steps_per_epoch: int, epochs: int
) -> tuple[jax.Array, jax.Array]:
    """Train a network for each fold and seed.

    Args:
        data: features, column, score, correct, counted; see `cross_validated_corrections`.
        trains: [folds, N] 1 for the images that a fold's networks are trained on.
        keys: [S] one for each seed.
        classes: their number.
        steps_per_epoch: number of batches.
        epochs: number of passes.

    Returns:
        corrections [folds, S, N, K], and the mean loss of the first and last epoch [folds, S, 2].
    """
    n_images, steps = len(data[0]), steps_per_epoch * epochs
    net = BoxNet(classes)
    optimizer = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps), weight_decay=WEIGHT_DECAY)

    def _corrections(params: Params, *inputs: jax.Array) -> jax.Array:
        return cast(jax.Array, net.apply(params, *inputs))

    def loss_of(params: Params, rows: jax.Array) -> jax.Array:
        features, column, score, correct, counted = (a[rows] for a in data)
        logits = features[..., 0] + _corrections(params, features, column, score)
        # A box is a positive example with one weight and a negative example with the other; ignored ones have none.
        losses = -correct * jax.nn.log_sigmoid(logits) - (counted - correct) * jax.nn.log_sigmoid(-logits)
        return losses.sum() / jnp.maximum(counted.sum(), 1)

    def train(own: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        start, order = jax.random.split(key)
        params = net.init(start, *(a[:1] for a in data[:3]))

        def step(carry: tuple[Params, optax.OptState], key: jax.Array):
            params, state = carry
            rows = jax.random.choice(key, n_images, (IMAGES_PER_STEP,), p=own / own.sum())
            loss, gradient = jax.value_and_grad(loss_of)(params, rows)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(order, steps))
        return _corrections(params, *data[:3]), jnp.stack(
            [losses[:steps_per_epoch].mean(), losses[-steps_per_epoch:].mean()]
        )

    return jax.vmap(jax.vmap(train, (None, 0)), (0, None))(trains, keys)
