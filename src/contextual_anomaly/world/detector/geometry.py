"""Sizes of the detector: of its input, its layers and its cells."""

import numpy as np

WIDTH, HEIGHT = 320, 256
"""Size of the detector's input in pixels, into which images are letterboxed."""
SHRINKS = (1, 2, 4, 8)
"""The image is read at full size and shrunk by these factors; the same weights find objects of up to `LONGEST` pixels at each."""
LONGEST = 40.0
"""Longer side in pixels of the largest objects found at one size."""
STRIDE = 8  # pixels from one cell to the next, of the image as it is read
EDGES, CHANNELS, HIDDEN = 64, 112, 160  # channels of every fourth pixel, of the cells, and of the last but one layer
LAYERS = {
    # name: (channels, side of the filters, step from one to the next, whether the answer is added to what they see)
    "edges": (EDGES, 8, 4, False),
    "corners": (EDGES, 3, 1, True),
    "parts": (CHANNELS, 4, 2, False),
    "shapes": (CHANNELS, 3, 1, True),
    "objects": (CHANNELS, 3, 1, True),
    "surroundings": (CHANNELS, 3, 1, True),
    "hidden": (HIDDEN, 1, 1, False),
}
CAUTION = 1.5
"""A score is this power of P(object) · P(class | object): about the share of boxes that are right after non-maximum
suppression, which keeps the best of several cells and sizes."""
EPSILON = 1e-3  # added to the variances of the normalisations


def padding(side: int, step: int) -> tuple[int, int]:
    """Return how many zeros lie before and behind the pixels, along each axis."""
    return (side - step) // 2, (side - step + 1) // 2


def shrunk(x: np.ndarray, by: int) -> np.ndarray:
    """Shrink images [B, H, W, c] to [B, H / by, W / by, c] by means over squares."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // by, by, width // by, by, channels).mean((2, 4))


def cells(rows: int, columns: int) -> np.ndarray:
    """Return the centres of the cells [rows · columns, 2] (x, y) in pixels of the shrunk image."""
    y, x = np.mgrid[:rows, :columns]
    return ((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE).astype(np.float32)
