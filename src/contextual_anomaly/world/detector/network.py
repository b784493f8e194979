"""The network: fixed colour features of each cell's surroundings, and a small trained Flax network on top.

The features are not trained. The trained layers therefore see two million cells in seconds; a convolutional network
trained from the pixels sees too few objects in that time to tell 80 classes apart.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WIDTH, HEIGHT = 320, 256
"""Size of the detector's input in pixels, into which images are letterboxed."""
SHRINKS = (1, 2, 4, 8)
"""The image is read at full size and shrunk by these factors; the same weights find objects of 20 to 40 pixels at each."""
LONGEST = 40.0
"""Longer side in pixels of the largest objects found at one size."""
STRIDE = 8  # pixels from one cell to the next, of the image as it is read
HIDDEN = 128
CORE, NEAR, FAR = 4, 8, 7
"""The features of a cell are the colours of CORE × CORE patches of 4 pixels around its centre, and the differences of
NEAR × NEAR patches of 4 pixels and FAR × FAR patches of 8 from the centre's colour; the former also from their
neighbours' colours."""

# Rows: factors of red, green, blue and 1, in that order, before a ReLU.
COLOURS = np.array(
    [
        [1, 0, 0, -0.5], [0, 1, 0, -0.5], [0, 0, 1, -0.5], [-1, 0, 0, 0.5], [0, -1, 0, 0.5], [0, 0, -1, 0.5],
        [1, -1, 0, 0], [-1, 1, 0, 0], [0, 1, -1, 0], [0, -1, 1, 0], [1, 0, -1, 0], [-1, 0, 1, 0],
    ],
    np.float32,
)  # fmt: skip


class Head(nn.Module):
    """Two hidden layers, the same for every cell."""

    classes: int

    @nn.compact
    def __call__(self, features):
        """Return answers [..., 5 + classes] for standardised features [..., F].

        The first four numbers of an answer are the logarithms of the distances from the cell's centre to the box's left,
        top, right and bottom, in strides; then come the logit of objectness, and the logits of the classes (softmax).
        """
        hidden = nn.relu(nn.Dense(HIDDEN, name="first")(features))
        hidden = nn.relu(nn.Dense(HIDDEN, name="second")(hidden))
        return nn.Dense(5 + self.classes, name="answer")(hidden)


def cell_features(images: np.ndarray, selected: np.ndarray) -> np.ndarray:
    """Compute the features of some cells.

    Args:
        images: [B, H, W, 3] in 0 to 1.
        selected: [B, H / STRIDE, W / STRIDE] bool, the cells.

    Returns:
        [selected cells, F] float32.
    """
    finest = shrunk(images, 2)
    colours = shrunk(np.maximum(finest @ COLOURS[:, :3].T + COLOURS[:, 3], 0), 2)
    fine = shrunk(finest, 2)
    coarse = shrunk(fine, 2)
    beyond = np.pad(fine, ((0, 0), (0, 1), (0, 1), (0, 0)))
    steps = [_far_apart(beyond[:, :-1, 1:], fine), _far_apart(beyond[:, 1:, :-1], fine)]
    centers = coarse[selected]
    parts = [
        _windows(colours, CORE, 2, selected),
        _windows(np.stack(steps, -1), NEAR, 2, selected),
        _from_center(_windows(fine, NEAR, 2, selected), centers),
        _from_center(_windows(coarse, FAR, 1, selected), centers),
    ]
    return np.concatenate(parts, -1)


def shrunk(x: np.ndarray, by: int) -> np.ndarray:
    """Shrink images [B, H, W, c] to [B, H / by, W / by, c] by means over squares."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // by, by, width // by, by, channels).mean((2, 4))


def _far_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distances [...] of colours [..., 3]: sums of absolute differences."""
    return np.abs(a - b).sum(-1)


def _from_center(windows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the distance [n, k] of each of a cell's k patches from the cell's own colour [n, 3]."""
    return _far_apart(windows.reshape(len(centers), -1, 3), centers[:, None])


def _windows(patches: np.ndarray, size: int, step: int, selected: np.ndarray) -> np.ndarray:
    """Return the patches around each selected cell, [n, size · size · c]; zeros beyond the edge."""
    before, after = (size - step + 1) // 2, (size - step) // 2
    padded = np.pad(patches, ((0, 0), (before, after), (before, after), (0, 0)))
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::step, ::step]  # [B, h, w, c, size, size]
    found = windows.transpose(0, 1, 2, 4, 5, 3)[selected]
    return found.reshape(len(found), -1)


def read(net: Head, trained: dict, images: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Run the network on letterboxed images.

    Args:
        net: The network.
        trained: From `training.train`.
        images: [B, HEIGHT, WIDTH, 3] in 0 to 1.

    Returns:
        Boxes [B, N, 4] (left, top, right, bottom in pixels) and scores [B, N, C]; the N cells run over shrink factors,
        rows, columns. A score is the square of P(object) · P(class | object). After non-maximum suppression, which keeps
        the best of several cells and sizes, that is the share of boxes that are right.
    """
    boxes, scores = [], []
    for shrink in SHRINKS:
        rows, columns = HEIGHT // shrink // STRIDE, WIDTH // shrink // STRIDE
        inputs = cell_features(shrunk(images, shrink), np.ones((len(images), rows, columns), bool))
        answers = net.apply({"params": trained["params"]}, (inputs - trained["mean"]) / trained["scale"])
        centers = cells(rows, columns)
        answers = jnp.asarray(answers).reshape(len(images), len(centers), -1)
        boxes.append(shrink * corners(answers[..., :4], centers))
        scores.append((jax.nn.sigmoid(answers[..., 4:5]) * jax.nn.softmax(answers[..., 5:])) ** 2)
    return jnp.concatenate(boxes, 1), jnp.concatenate(scores, 1)


def cells(rows: int, columns: int) -> np.ndarray:
    """Return the centres of the cells [rows · columns, 2] (x, y) in pixels of the shrunk image."""
    y, x = np.mgrid[:rows, :columns]
    return ((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE).astype(np.float32)


def corners(distances: jax.Array, centers: np.ndarray) -> jax.Array:
    """Convert the network's distances to left, top, right, bottom [..., 4] in pixels."""
    away = jnp.exp(distances) * STRIDE
    return jnp.concatenate([centers - away[..., :2], centers + away[..., 2:]], -1)
