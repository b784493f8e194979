"""YOLOX: [1, N, 5 + C], one row a cell of its grids, offsets and logarithms of sizes not yet decoded.

After Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430): for the cell (x, y) of a grid of stride s the
box has its centre at (x + dx, y + dy) · s and the size exp(w, h) · s; the score of a class is objectness · class. Files
that were exported with decoded boxes (`--decode_in_inference`) are recognised by their numbers.
"""

from functools import cache

import numpy as np

from contextual_anomaly.detection.detector_families.base import (
    DetectorFormat,
    Expected,
    Reading,
    Size,
    corners_of,
    orientations,
    remark_of,
)

STRIDES = ((8, 16, 32), (8, 16, 32, 64))


@cache
def _grid(size: Size, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cell positions [N, 2] (x, y, in cells) and strides [N, 1]; grid by grid, row by row."""
    positions, strides = [], []
    for stride in STRIDES[number_of_cells(size).index(cells)]:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        positions.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(positions).astype(np.float32), np.concatenate(strides).astype(np.float32)


def number_of_cells(size: Size) -> list[int]:
    """Return how many cells the grids of each choice of strides have."""
    return [sum((size[0] // s) * (size[1] // s) for s in strides) for strides in STRIDES]


def is_undecoded(rows: np.ndarray) -> bool:
    """Return whether boxes, the first four columns of rows [N, …], are offsets and logarithms.

    Decoded centres lie all over the input, in pixels or as shares of its sides; offsets lie around one place.
    """
    centres, sizes = rows[:, :2], rows[:, 2:4]
    shares = centres.min() >= 0 and centres.max() <= 1 and sizes.min() >= 0 and centres.std(0).min() > 0.1
    return bool(np.median(np.abs(centres)) < 8 and not shares)


def _read(shape: tuple[int, ...], expected: Expected) -> Reading | None:
    for transposed, channels, cells in orientations(shape, channels_first=False):
        if cells not in number_of_cells(expected.size) or channels <= 5:
            continue
        if transposed and channels - 5 != expected.classes:  # else it could as well be YOLOv8's
            continue

        def decode(output: np.ndarray, transposed=transposed, cells=cells) -> tuple[np.ndarray, np.ndarray]:
            rows = output[0].T if transposed else output[0]
            scores = rows[:, 4:5] * rows[:, 5:]
            if not is_undecoded(rows):
                return corners_of(rows[:, :4], expected.size), scores
            positions, strides = _grid(expected.size, cells)
            with np.errstate(over="ignore"):  # what overflows is not finite, and is refused later
                size = np.exp(rows[:, 2:4]) * strides
            centre = (rows[:, :2] + positions) * strides
            return np.concatenate([centre - size / 2, centre + size / 2], axis=1), scores

        return Reading(channels - 5, decode, remark_of(transposed, 0))
    return None


YOLOX = DetectorFormat(
    centred=False,
    rgb=False,
    scale=1.0,
    layout="[1, cells of the grids of strides 8, 16 and 32, 5 + classes]",
    read=_read,
)
