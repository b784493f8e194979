"""Training: which cell answers for which object, the loss, and the loop."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from contextual_anomaly.runtime.progress import track
from contextual_anomaly.world.detector.examples import SIDE, Examples
from contextual_anomaly.world.detector.network import LONGEST, STRIDE, Head, cells, corners, features

PICTURES_AT_A_TIME = 40
EMPTY = 30  # of a picture's cells without an object, how many are learnt from
BATCH = 256  # cells
BOX_WEIGHT = 8.0
PEAK_RATE = 3e-3


@dataclass(frozen=True)
class Lessons:
    """L cells to learn from."""

    seen: np.ndarray  # [L, F] float32, what the cell sees
    center: np.ndarray  # [L, 2] of the cell, in pixels
    box: np.ndarray  # [L, 4] left, top, right, bottom of its object
    column: np.ndarray  # [L] the object's class, -1 where the cell has none
    weight: np.ndarray  # [L] how many cells of its kind it stands for

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """The fields of some lessons."""
        return self.seen[rows], self.center[rows], self.box[rows], self.column[rows], self.weight[rows]


def lessons(examples: Examples, rng: np.random.Generator) -> Lessons:
    """Every cell that answers for an object, and `EMPTY` others of each picture."""
    centers = cells(SIDE // STRIDE, SIDE // STRIDE)
    owner = assign(examples.boxes, centers)
    # A random order of the empty cells, those with an object last.
    order = np.argsort(rng.random(owner.shape) + (owner >= 0), 1)
    chosen = owner >= 0
    np.put_along_axis(chosen, order[:, :EMPTY], True, 1)
    picture, cell = np.nonzero(chosen)
    mine = owner[picture, cell]
    asked = chosen.reshape(-1, SIDE // STRIDE, SIDE // STRIDE)
    seen = []
    for start in range(0, len(owner), PICTURES_AT_A_TIME):
        part = slice(start, start + PICTURES_AT_A_TIME)
        seen.append(features(examples.pictures[part] / np.float32(255), asked[part]))
    return Lessons(
        seen=np.concatenate(seen),
        center=centers[cell],
        box=examples.boxes[picture, np.maximum(mine, 0)],
        column=np.where(mine >= 0, examples.columns[picture, np.maximum(mine, 0)], -1),
        weight=np.where(mine >= 0, 1, (owner < 0).sum(1)[picture] / EMPTY).astype(np.float32),
    )


def train(net: Head, taught: Lessons, steps: int, seed: int) -> dict:
    """Params of the net, and mean and scale of the features.

    AdamW with a one-cycle learning rate; the loss is cross-entropy of object or none and of the object's class, and
    1 - GIoU (Rezatofighi et al. 2019) of its box.
    """
    mean, scale = taught.seen.mean(0), taught.seen.std(0) + 1e-3
    params = net.init(jax.random.key(seed), taught.seen[:1])["params"]
    rate = optax.schedules.cosine_onecycle_schedule(steps, PEAK_RATE, pct_start=0.1, div_factor=10)
    optimiser = optax.adamw(rate, weight_decay=0.05)
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, seen, *wanted):
        def loss(params):
            return _loss(net.apply({"params": params}, (seen - mean) / scale), *wanted)

        slope = jax.grad(loss)(params)
        change, state = optimiser.update(slope, state, params)
        return optax.apply_updates(params, change), state

    rng = np.random.default_rng(seed)
    for _ in track(range(steps), "train the detector", steps, "steps"):
        params, state = step(params, state, *taught.of(rng.integers(0, len(taught.seen), BATCH)))
    return jax.device_get({"params": params, "mean": mean, "scale": scale})


def assign(boxes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Which object each cell answers for.

    Args:
        boxes: [B, M, 4] left, top, right, bottom in pixels.
        centers: [N, 2] of the cells.

    Returns:
        [B, N] the object's place in 0 … M - 1, or -1. A cell near the centres of several takes the smallest; objects
        longer than `LONGEST` are for a smaller copy of the picture to find.
    """
    size = boxes[..., 2:] - boxes[..., :2]  # [B, M, 2]
    middle = (boxes[..., 2:] + boxes[..., :2]) / 2
    # At least half a stride, so that no object lies between the cells.
    reach = np.clip(0.2 * size, 0.5 * STRIDE, 0.65 * STRIDE)
    near = (np.abs(centers - middle[:, :, None]) <= reach[:, :, None]).all(-1)  # [B, M, N]
    mine = near & (size.max(-1) <= LONGEST)[..., None]
    area = np.where(mine, size.prod(-1)[..., None], np.inf)
    return np.where(mine.any(1), area.argmin(1), -1)


def _loss(answers, center, box, column, weight) -> jax.Array:
    """A number from answers [L, 5 + C] and the fields of lessons."""
    held = column >= 0
    there = weight * optax.sigmoid_binary_cross_entropy(answers[:, 4], held.astype(jnp.float32))
    which = optax.softmax_cross_entropy_with_integer_labels(answers[:, 5:], jnp.maximum(column, 0))
    where = 1 - _giou(corners(answers[:, :4], center), box)
    return (there + jnp.where(held, which + BOX_WEIGHT * where, 0)).sum() / jnp.maximum(held.sum(), 1)


def _giou(a: jax.Array, b: jax.Array) -> jax.Array:
    """Generalised intersection over union of boxes [..., 4] of corners."""

    def area(low, high):
        return jnp.maximum(high - low, 0).prod(-1)

    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    shared = area(low, high)
    union = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - shared
    hull = area(jnp.minimum(a[..., :2], b[..., :2]), jnp.maximum(a[..., 2:], b[..., 2:]))
    return shared / jnp.maximum(union, 1e-6) - (hull - union) / jnp.maximum(hull, 1e-6)
