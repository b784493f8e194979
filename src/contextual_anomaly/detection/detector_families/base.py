"""What a family of detectors is: how it wants an image, and how its output is read."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Size = tuple[int, int]
"""Width and height of the network's input, in pixels."""


@dataclass(frozen=True)
class DetectorFormat:
    """One way in which YOLO networks lay out their input and output."""

    centred: bool
    """Whether the letterboxed image lies in the middle of the input, else in its top left corner."""
    rgb: bool
    """Whether the input's channels are red, green, blue, else blue, green, red."""
    scale: float
    """What the pixels, 0 to 255, are multiplied by."""
    layout: str
    """The output's shape in words, for messages."""
    classes: Callable[[tuple[int, ...], Size], int | None]
    """Number of classes of an output of this shape, of one image; None where this is no output of the family."""
    decode: Callable[[np.ndarray, Size], tuple[np.ndarray, np.ndarray]]
    """Corners [N, 4] (left, top, right, bottom in pixels of the input) and confidences [N, C] of one image's output."""
    grey: int = 114
    """What fills the rest of the input, 0 to 255."""
