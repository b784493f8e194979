"""Training of the detector: assignment of objects to cells, loss, and training loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers, muon

from contextual_anomaly.runtime.progress import track
from contextual_anomaly.world.detector.geometry import LONGEST, STRIDE, cells
from contextual_anomaly.world.detector.network import Trunk, corners
from contextual_anomaly.world.detector.training_images import SIDE, TrainingImages

BATCH = 4  # images
BOX_WEIGHT = 4.0
PEAK_RATE, PEAK_RATE_OF_BIASES = 0.05, 5e-3
REMEMBERED = 0.998  # share of the averaged weights that stays at each step


def train(net: Trunk, images: TrainingImages, steps: int, seed: int) -> dict:
    """Train with Muon (Jordan et al. 2024) and a one-cycle learning rate, and average the weights.

    The loss is the cross-entropy of objectness and of the object's class, plus 1 - GIoU (Rezatofighi et al. 2019) of its box.

    Args:
        net: The network.
        images: Images with known boxes.
        steps: Number of training steps.
        seed: Of the initial weights and of the batches.

    Returns:
        "params" and "batch_stats" of the network.
    """
    centers = cells(SIDE // STRIDE, SIDE // STRIDE)
    owner = assign(images.boxes, centers)
    row = np.arange(len(owner))[:, None]
    box = np.nan_to_num(images.boxes[row, np.maximum(owner, 0)])
    column = np.where(owner >= 0, images.columns[row, np.maximum(owner, 0)], -1)
    variables = jax.jit(net.init)(jax.random.key(seed), images.images[:1] / np.float32(255))
    params, statistics = variables["params"], variables["batch_stats"]
    optimiser = _optimiser(steps)
    state, average = optimiser.init(params), params

    @jax.jit
    def step(params, statistics, state, average, images, box, column):
        def loss(params):
            pixels = images.astype(jnp.float32) / 255
            known = {"params": params, "batch_stats": statistics}
            answers, changed = net.apply(known, pixels, True, mutable=["batch_stats"])
            return _loss(answers.reshape(*column.shape, -1), centers, box, column), changed["batch_stats"]

        gradient, statistics = jax.grad(loss, has_aux=True)(params)
        updates, state = optimiser.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return params, statistics, state, optax.incremental_update(params, average, 1 - REMEMBERED)

    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(owner)) for _ in range(-(-steps * BATCH // len(owner)))])
    for number in track(range(steps), "train the detector", steps, "steps"):
        rows = order[number * BATCH : (number + 1) * BATCH]
        batch = images.images[rows], box[rows], column[rows]
        params, statistics, state, average = step(params, statistics, state, average, *batch)
    return jax.device_get({"params": average, "batch_stats": statistics})


def _optimiser(steps: int) -> optax.GradientTransformation:
    """Return Muon for the filters of convolutions, Adam for the other weights."""

    def rate(peak: float) -> optax.Schedule:
        return optax.schedules.cosine_onecycle_schedule(
            steps, peak, pct_start=0.15, div_factor=10, final_div_factor=100
        )

    def filters(params):
        return jax.tree.map(lambda x: MuonDimensionNumbers((0, 1, 2), 3) if x.ndim == 4 else None, params)

    return muon(rate(PEAK_RATE), muon_weight_dimension_numbers=filters, adam_learning_rate=rate(PEAK_RATE_OF_BIASES))


def assign(boxes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Assign at most one object to each cell.

    Args:
        boxes: [B, M, 4] left, top, right, bottom in pixels; NaN for none.
        centers: [N, 2] of the cells.

    Returns:
        [B, N] index of the object in 0 … M - 1, or -1. A cell near the centres of several objects takes the smallest;
        objects longer than `LONGEST` are left to a smaller copy of the image.
    """
    size = boxes[..., 2:] - boxes[..., :2]  # [B, M, 2]
    middle = (boxes[..., 2:] + boxes[..., :2]) / 2
    # At least half a stride, so that no object lies between the cells.
    reach = np.clip(0.3 * size, 0.5 * STRIDE, STRIDE)
    owner = np.empty((len(boxes), len(centers)), np.int64)
    for row in range(len(boxes)):  # one image after another, as all at once would fill the memory
        near = (np.abs(centers - middle[row][:, None]) <= reach[row][:, None]).all(-1)  # [M, N]
        mine = near & (size[row].max(-1) <= LONGEST)[:, None]
        area = np.where(mine, size[row].prod(-1)[:, None], np.inf)
        owner[row] = np.where(mine.any(0), area.argmin(0), -1)
    return owner


def _loss(answers, centers, box, column) -> jax.Array:
    """Return the loss of answers [B, N, 5 + C] where cells have these boxes [B, N, 4] and classes [B, N], -1 for none."""
    held = column >= 0
    there = optax.sigmoid_binary_cross_entropy(answers[..., 4], held.astype(jnp.float32))
    which = optax.softmax_cross_entropy_with_integer_labels(answers[..., 5:], jnp.maximum(column, 0))
    where = 1 - _giou(corners(answers[..., :4], centers), box)
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
