"""How a family of detectors takes images, and how the output of one of its files is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Size = tuple[int, int]
"""Width and height of the network's input, in pixels."""
MASKS, KEYPOINTS = 32, 51
"""Channels that Ultralytics' segmentation heads (mask coefficients) and pose heads (17 × 3) have beside the classes."""


ORIENTED, DISTRIBUTIONS = 5, 64
"""Channels beside the classes of boxes with an angle, and of boxes as four distributions of 16 numbers."""


class Expected(NamedTuple):
    """What is known of a file before its output is read."""

    size: Size
    classes: int | None = None  # number of class names; None where there are none
    extra: int = 0  # channels for masks or keypoints, by the file's metadata


class Reading(NamedTuple):
    """How the output of one file is read."""

    classes: int
    decode: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    """Returns corners [N, 4] (left, top, right, bottom in pixels of the input) and scores [N, C] of one image's output."""
    remark: str = ""  # for the log: what differs from the family's usual layout


class LayoutError(Exception):
    """The numbers of an output show that it is not what its shape promised; the message says what it is instead."""


@dataclass(frozen=True)
class DetectorFormat:
    """One way in which detectors lay out their input and output."""

    centred: bool
    """Whether the letterboxed image lies in the middle of the input; otherwise in its top left corner."""
    rgb: bool
    """Whether the input's channels are red, green, blue; otherwise blue, green, red."""
    scale: float
    """Factor of the pixels, which are 0 to 255."""
    layout: str
    """The output's shape in words, for messages."""
    read: Callable[[tuple[int, ...], Expected], Reading | None]
    """Returns how to read an output [1, …] of this shape; None if it is no output of the family."""
    grey: int = 114
    """Grey level that fills the rest of the input, 0 to 255."""
    suppresses_itself: bool = False
    """Whether the network has chosen among overlapping boxes already."""


def cell_counts(size: Size) -> dict[int, str]:
    """Return how many boxes dense heads have for an input of this size: one or three for each cell of their grids."""
    counts = {}
    for strides in ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32)):
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in strides)
        counts |= {cells: "one box a cell", 3 * cells: "three boxes a cell"}
    return counts


def looks_end_to_end(shape: tuple[int, ...], size: Size) -> bool:
    """Return whether a shape is that of a few chosen boxes with corners, score and class."""
    if len(shape) != 3 or shape[2] not in (6, 6 + MASKS, 6 + KEYPOINTS):
        return False
    return shape[1] <= 1000 and shape[1] not in cell_counts(size) and (shape[1] > 30 or shape[2] != 6)


def orientations(shape: tuple[int, ...], channels_first: bool) -> Iterator[tuple[bool, int, int]]:
    """Yield (transposed, channels, boxes) of an output [1, …]: first as the family has it, then the other way round."""
    if len(shape) == 3 and shape[0] == 1:
        a, b = shape[1:]
        yield from ((False, a, b), (True, b, a)) if channels_first else ((False, b, a), (True, a, b))


def dense_layout(
    shape: tuple[int, ...], expected: Expected, fields: int, channels_first: bool
) -> tuple[bool, int, int] | None:
    """Find the layout of an output with ``fields`` numbers a box before the classes.

    Args:
        shape: [1, …] of the output.
        expected: What is known of the file.
        fields: Four for the box, and one for objectness where the family has it.
        channels_first: Whether the family's usual layout is [1, channels, boxes].

    Returns:
        Whether it is transposed, number of classes, and number of extra channels; None if no layout fits.
    """
    found = list(orientations(shape, channels_first))
    if looks_end_to_end(shape, expected.size):
        return None
    for transposed, channels, _ in found:
        for extra in {expected.extra: 0, 0: 0, MASKS: 0, KEYPOINTS: 0}:
            if expected.classes and channels == fields + expected.classes + extra:
                return transposed, expected.classes, extra
    counts = cell_counts(expected.size)
    for transposed, channels, boxes in found:
        if expected.classes and boxes in counts and channels - expected.classes in (ORIENTED, DISTRIBUTIONS):
            return None
        usual = not transposed and channels not in counts and (channels_first or boxes > channels)
        turned = transposed and channels_first and boxes in counts and not expected.classes
        if channels > fields + expected.extra and (usual or turned):
            return transposed, channels - fields - expected.extra, expected.extra
    return None


def remark_of(transposed: bool, extra: int) -> str:
    """Say what differs from the family's usual layout."""
    names = {MASKS: "masks", KEYPOINTS: "keypoints"}
    return "; ".join(
        filter(
            None,
            (
                "its output is transposed, and read so" if transposed else "",
                f"{extra} extra channels ({names.get(extra, 'keypoints')}) are ignored" if extra else "",
            ),
        )
    )


def corners_of(boxes: np.ndarray, size: Size) -> np.ndarray:
    """Convert centres and sizes [N, 4] to corners [N, 4], all in pixels of the input."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return in_pixels(np.concatenate([centre - half, centre + half], axis=1), size)


def in_pixels(corners: np.ndarray, size: Size) -> np.ndarray:
    """Scale corners [N, 4] that are shares of the input's sides; pixels stay as they are.

    The boxes of a dense head lie all over the input, and no chosen box lies within two pixels of its corner.
    """
    if len(corners) and corners.max() <= 2 and corners.min() >= -1:
        return corners * np.array([*size, *size], corners.dtype)
    return corners
