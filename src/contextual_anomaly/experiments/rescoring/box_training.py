"""Training of `BoxNet` by cross-validation over images: every fold and weight seed side by side in one program."""

from functools import partial
from math import ceil

import jax
import jax.numpy as jnp
import numpy as np
import optax

from contextual_anomaly.experiments.rescoring.box_net import BoxNet

IMAGES_A_STEP = 32
LEARNING_RATE = 1e-3
# Some hundred images teach little: strong decay keeps the correction near zero where nothing speaks for it.
WEIGHT_DECAY = 0.3


def corrections(
    seen: np.ndarray,
    column: np.ndarray,
    score: np.ndarray,
    right: np.ndarray,
    counts: np.ndarray,
    fold: np.ndarray,
    classes: int,
    seeds: list[int],
    epochs: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Corrections of each box's log-odds by nets that have not seen its image's annotations.

    Args:
        seen: [N, K, F] features of N images' K boxes; the first is the detector's log-odds.
        column: [N, K] class of each box.
        score: [N, K] the detector's confidences, 0 where there is no box.
        right: [N, K] share of COCO's overlaps at which the box is right.
        counts: [N, K] share at which it is right or wrong; 0 where there is no box.
        fold: [N] of the images.
        seeds: of first weights and batches; the correction is the mean of as many nets.

    Returns:
        [N, K] float32, and the mean training loss over the last epoch, before and after [2].
    """
    folds = int(fold.max()) + 1
    an_epoch = ceil(len(seen) * (folds - 1) / folds / IMAGES_A_STEP)
    learns = jnp.asarray(np.stack([fold != k for k in range(folds)]), jnp.float32)
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    data = tuple(jnp.asarray(a) for a in (seen, column, score, right, counts))
    given, losses = jax.device_get(_all_trained(data, learns, keys, classes, an_epoch, epochs))  # [folds, seeds, N, K]
    return given.mean(1)[fold, np.arange(len(fold))], losses.mean((0, 1))


@partial(jax.jit, static_argnames=("classes", "an_epoch", "epochs"))
def _all_trained(data, learns, keys, classes: int, an_epoch: int, epochs: int):
    """Corrections [folds, S, N, K] and first and last loss [folds, S, 2] of nets that learn from ``learns`` [folds, N]."""
    seen, steps = data[0], an_epoch * epochs
    net = BoxNet(classes)
    optimizer = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps), weight_decay=WEIGHT_DECAY)

    def loss_of(params, rows):
        seen, column, score, right, counts = (a[rows] for a in data)
        logits = seen[..., 0] + net.apply(params, seen, column, score)
        # A box that is right at some overlaps is so much right, and the rest wrong; ignored ones teach nothing.
        losses = -right * jax.nn.log_sigmoid(logits) - (counts - right) * jax.nn.log_sigmoid(-logits)
        return losses.sum() / jnp.maximum(counts.sum(), 1)

    def train(mine, key):
        start, order = jax.random.split(key)
        params = net.init(start, *(a[:1] for a in data[:3]))

        def step(carry, key):
            params, state = carry
            rows = jax.random.choice(key, len(seen), (IMAGES_A_STEP,), p=mine / mine.sum())
            loss, gradient = jax.value_and_grad(loss_of)(params, rows)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(order, steps))
        return net.apply(params, *data[:3]), jnp.stack([losses[:an_epoch].mean(), losses[-an_epoch:].mean()])

    return jax.vmap(jax.vmap(train, (None, 0)), (0, None))(learns, keys)
