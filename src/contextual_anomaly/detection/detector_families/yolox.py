"""YOLOX: [1, N, 5 + C], one row a cell of three grids, offsets and logarithms of sizes not yet decoded.

After Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430): for the cell (x, y) of a grid of stride s the
box has its centre at (x + dx, y + dy) · s and the size exp(w, h) · s; the confidence of a class is objectness · class.
"""

from functools import cache

import numpy as np

from contextual_anomaly.detection.detector_families.base import DetectorFormat, Size

STRIDES = (8, 16, 32)


@cache
def _grid(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Cell positions [N, 2] (x, y, in cells) and strides [N, 1]; grid by grid, row by row."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _classes(shape: tuple[int, ...], size: Size) -> int | None:
    cells = len(_grid(size)[0])
    return shape[2] - 5 if len(shape) == 3 and shape[:2] == (1, cells) and shape[2] > 5 else None


def _decode(output: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
    cells, strides = _grid(size)
    rows = output[0]
    centre = (rows[:, :2] + cells) * strides
    with np.errstate(over="ignore"):  # what overflows is not finite, and is refused later
        half = np.exp(rows[:, 2:4]) * strides / 2
    return np.concatenate([centre - half, centre + half], axis=1), rows[:, 4:5] * rows[:, 5:]


YOLOX = DetectorFormat(
    centred=False,
    rgb=False,
    scale=1.0,
    layout="[1, cells of the grids of strides 8, 16 and 32, 5 + classes]",
    classes=_classes,
    decode=_decode,
)
