"""Training of the detector: assignment of objects to cells, loss, and training loop."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from contextual_anomaly.runtime.progress import track
from contextual_anomaly.world.detector.network import LONGEST, STRIDE, Head, cell_features, cells, corners
from contextual_anomaly.world.detector.training_images import SIDE, TrainingImages

IMAGES_PER_STEP = 40
EMPTY = 30  # cells without an object that each image contributes to training
BATCH = 256  # cells
BOX_WEIGHT = 8.0
PEAK_RATE = 3e-3


@dataclass(frozen=True)
class CellTargets:
    """Inputs and targets of L cells."""

    features: np.ndarray  # [L, F] float32, from `network.cell_features`
    center: np.ndarray  # [L, 2] centre of the cell, in pixels
    box: np.ndarray  # [L, 4] left, top, right, bottom of the object, in pixels
    column: np.ndarray  # [L] index of the object's class, -1 where there is no object
    weight: np.ndarray  # [L] number of cells that this one represents

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the fields of some rows."""
        return self.features[rows], self.center[rows], self.box[rows], self.column[rows], self.weight[rows]


def cell_targets(images: TrainingImages, rng: np.random.Generator) -> CellTargets:
    """Return the cells that are responsible for an object, and `EMPTY` others of each image.

    Args:
        images: Images with known boxes.
        rng: Chooses the empty cells.
    """
    centers = cells(SIDE // STRIDE, SIDE // STRIDE)
    owner = assign(images.boxes, centers)
    # A random order of the empty cells; cells with an object come last.
    order = np.argsort(rng.random(owner.shape) + (owner >= 0), 1)
    chosen = owner >= 0
    np.put_along_axis(chosen, order[:, :EMPTY], True, 1)
    image, cell = np.nonzero(chosen)
    mine = owner[image, cell]
    selected = chosen.reshape(-1, SIDE // STRIDE, SIDE // STRIDE)
    parts = []
    for start in range(0, len(owner), IMAGES_PER_STEP):
        part = slice(start, start + IMAGES_PER_STEP)
        parts.append(cell_features(images.images[part] / np.float32(255), selected[part]))
    return CellTargets(
        features=np.concatenate(parts),
        center=centers[cell],
        box=images.boxes[image, np.maximum(mine, 0)],
        column=np.where(mine >= 0, images.columns[image, np.maximum(mine, 0)], -1),
        weight=np.where(mine >= 0, 1, (owner < 0).sum(1)[image] / EMPTY).astype(np.float32),
    )


def train(net: Head, targets: CellTargets, steps: int, seed: int) -> dict:
    """Train with AdamW and a one-cycle learning rate.

    The loss is the cross-entropy of objectness and of the object's class, plus 1 - GIoU (Rezatofighi et al. 2019) of its box.

    Args:
        net: The network.
        targets: Inputs and targets of cells.
        steps: Number of training steps.
        seed: Of the initial weights and of the batches.

    Returns:
        "params" of the network, and "mean" and "scale" [F] of the features.
    """
    mean, scale = targets.features.mean(0), targets.features.std(0) + 1e-3
    params = net.init(jax.random.key(seed), targets.features[:1])["params"]
    rate = optax.schedules.cosine_onecycle_schedule(steps, PEAK_RATE, pct_start=0.1, div_factor=10)
    optimiser = optax.adamw(rate, weight_decay=0.05)
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, features, *expected):
        def loss(params):
            return _loss(net.apply({"params": params}, (features - mean) / scale), *expected)

        gradient = jax.grad(loss)(params)
        updates, state = optimiser.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    rng = np.random.default_rng(seed)
    for _ in track(range(steps), "train the detector", steps, "steps"):
        params, state = step(params, state, *targets.of(rng.integers(0, len(targets.features), BATCH)))
    return jax.device_get({"params": params, "mean": mean, "scale": scale})


def assign(boxes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Assign at most one object to each cell.

    Args:
        boxes: [B, M, 4] left, top, right, bottom in pixels.
        centers: [N, 2] of the cells.

    Returns:
        [B, N] index of the object in 0 … M - 1, or -1. A cell near the centres of several objects takes the smallest;
        objects longer than `LONGEST` are left to a smaller copy of the image.
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
    """Return the loss of answers [L, 5 + C]; the other arguments are fields of `CellTargets`."""
    held = column >= 0
    there = weight * optax.sigmoid_binary_cross_entropy(answers[:, 4], held.astype(jnp.float32))
    which = optax.softmax_cross_entropy_with_integer_labels(answers[:, 5:], jnp.maximum(column, 0))
    where = 1 - _giou(corners(answers[:, :4], center), box)
    return (there + jnp.where(held, which + BOX_WEIGHT * where, 0)).sum() / jnp.maximum(held.sum(), 1)


def _giou(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return the generalised intersection over union of boxes [..., 4] given by their corners."""

    def area(low, high):
        return jnp.maximum(high - low, 0).prod(-1)

    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    shared = area(low, high)
    union = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - shared
    hull = area(jnp.minimum(a[..., :2], b[..., :2]), jnp.maximum(a[..., 2:], b[..., 2:]))
    return shared / jnp.maximum(union, 1e-6) - (hull - union) / jnp.maximum(hull, 1e-6)
