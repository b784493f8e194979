"""The net: fixed colour features of a cell's surroundings, and a small Flax net that reads them.

Nothing in front of the trained layers is trained, so that these take two million looks at cells in seconds, where
a convolutional net trained from its pixels on sees too few objects in that time to tell 80 classes apart.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WIDTH, HEIGHT = 320, 256
"""Pixels of the detector's input, into which pictures are letterboxed."""
SHRINKS = (1, 2, 4, 8)
"""The picture is read at full size and shrunk: the same weights find an object wherever it is 20 to 40 pixels long."""
LONGEST = 40.0
"""Pixels of the longer side of the largest objects found at one size."""
STRIDE = 8  # pixels from one cell to the next, of the picture as it is read
HIDDEN = 128
CORE, NEAR, FAR = 4, 8, 7
"""A cell sees the colours of CORE × CORE patches of 4 pixels around its centre, and how NEAR × NEAR patches of 4 pixels
and FAR × FAR of 8 differ from its centre's colour, the former also from their neighbours'."""

# Rows: what red, green, blue and 1 are multiplied by, in that order, before negative values are cut off.
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
    def __call__(self, seen):
        """Answers [..., 5 + classes] for standardised features [..., F].

        The first four of an answer are the logarithms of the distances from the cell's centre to the box's left, top,
        right and bottom, in strides; then come the logit of there being an object, and its classes' (a softmax's).
        """
        seen = nn.relu(nn.Dense(HIDDEN, name="first")(seen))
        seen = nn.relu(nn.Dense(HIDDEN, name="second")(seen))
        return nn.Dense(5 + self.classes, name="answer")(seen)


def features(pictures: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What cells see.

    Args:
        pictures: [B, H, W, 3] in 0 to 1.
        asked: [B, H / STRIDE, W / STRIDE] bool.

    Returns:
        [cells asked for, F] float32.
    """
    finest = shrunk(pictures, 2)
    colours = shrunk(np.maximum(finest @ COLOURS[:, :3].T + COLOURS[:, 3], 0), 2)
    fine = shrunk(finest, 2)
    coarse = shrunk(fine, 2)
    beyond = np.pad(fine, ((0, 0), (0, 1), (0, 1), (0, 0)))
    steps = [_far_apart(beyond[:, :-1, 1:], fine), _far_apart(beyond[:, 1:, :-1], fine)]
    centers = coarse[asked]
    seen = [
        _windows(colours, CORE, 2, asked),
        _windows(np.stack(steps, -1), NEAR, 2, asked),
        _from_center(_windows(fine, NEAR, 2, asked), centers),
        _from_center(_windows(coarse, FAR, 1, asked), centers),
    ]
    return np.concatenate(seen, -1)


def shrunk(x: np.ndarray, by: int) -> np.ndarray:
    """[B, H / by, W / by, c]: means over squares of [B, H, W, c]."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // by, by, width // by, by, channels).mean((2, 4))


def _far_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distances [...] of colours [..., 3]: the sum of the channels' absolute differences."""
    return np.abs(a - b).sum(-1)


def _from_center(windows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """[n, k]: of each of the k patches that a cell sees, the distance from the cell's own colour [n, 3]."""
    return _far_apart(windows.reshape(len(centers), -1, 3), centers[:, None])


def _windows(patches: np.ndarray, size: int, step: int, asked: np.ndarray) -> np.ndarray:
    """[n, size · size · c]: the patches around each cell asked for, zeros beyond the edge."""
    before, after = (size - step + 1) // 2, (size - step) // 2
    padded = np.pad(patches, ((0, 0), (before, after), (before, after), (0, 0)))
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::step, ::step]  # [B, h, w, c, size, size]
    found = windows.transpose(0, 1, 2, 4, 5, 3)[asked]
    return found.reshape(len(found), -1)


def read(net: Head, trained: dict, pictures: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Boxes and scores of letterboxed pictures.

    Args:
        trained: the net's params, and mean and scale [F] of the features.
        pictures: [B, HEIGHT, WIDTH, 3] in 0 to 1.

    Returns:
        Boxes [B, N, 4] (left, top, right, bottom in pixels) and scores [B, N, C]; the N cells run over the shrunk
        pictures, rows, columns. A score is the square of P(object) · P(class | object): of the boxes that are left
        after non-maximum suppression, that share are right, as the best of several cells and sizes is chosen there.
    """
    boxes, scores = [], []
    for shrink in SHRINKS:
        rows, columns = HEIGHT // shrink // STRIDE, WIDTH // shrink // STRIDE
        seen = features(shrunk(pictures, shrink), np.ones((len(pictures), rows, columns), bool))
        answers = net.apply({"params": trained["params"]}, (seen - trained["mean"]) / trained["scale"])
        centers = cells(rows, columns)
        answers = answers.reshape(len(pictures), len(centers), -1)
        boxes.append(shrink * corners(answers[..., :4], centers))
        scores.append((jax.nn.sigmoid(answers[..., 4:5]) * jax.nn.softmax(answers[..., 5:])) ** 2)
    return jnp.concatenate(boxes, 1), jnp.concatenate(scores, 1)


def cells(rows: int, columns: int) -> np.ndarray:
    """Centres of the cells [rows · columns, 2] (x, y) in pixels of the picture as it is read."""
    y, x = np.mgrid[:rows, :columns]
    return ((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE).astype(np.float32)


def corners(distances: jax.Array, centers: np.ndarray) -> jax.Array:
    """Left, top, right, bottom [..., 4] in pixels from the net's distances."""
    away = jnp.exp(distances) * STRIDE
    return jnp.concatenate([centers - away[..., :2], centers + away[..., 2:]], -1)
