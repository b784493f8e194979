"""Fit images into a network's input, whole or stretched, and map boxes back."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Placement:
    """The place of an image of ``width`` × ``height`` in an input of ``input_size``; all in pixels."""

    width: int
    height: int
    input_size: tuple[int, int]  # width, height
    left: int
    top: int
    inner_width: int
    inner_height: int

    def fill(self, image: np.ndarray, grey: int) -> np.ndarray:
        """Return the input [H, W, 3] uint8 for an image [h, w, 3] uint8, filled with ``grey`` around it."""
        inner = cv2.resize(image, (self.inner_width, self.inner_height), interpolation=cv2.INTER_LINEAR)
        right = self.input_size[0] - self.left - self.inner_width
        bottom = self.input_size[1] - self.top - self.inner_height
        if not (self.left or self.top or right or bottom):
            return inner
        border = (grey, grey, grey)
        return cv2.copyMakeBorder(inner, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=border)

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Map corners [N, 4] (left, top, right, bottom) from the input to the image, clipped at its edges.

        Each axis has its own scale: rounding to whole pixels makes the two of a letterbox differ a little.
        """
        scale = np.array([self.inner_width / self.width, self.inner_height / self.height] * 2)
        moved = (boxes - np.array([self.left, self.top] * 2)) / scale
        return np.clip(moved, 0, np.array([self.width, self.height] * 2))


def letterbox(width: int, height: int, input_size: tuple[int, int], centred: bool) -> Placement:
    """Scale an image of ``width`` × ``height`` as a whole, to the middle of the input or to its top left corner."""
    scale = min(input_size[0] / width, input_size[1] / height)
    # At least one pixel, however narrow the image.
    inner_width = min(max(round(width * scale), 1), input_size[0])
    inner_height = min(max(round(height * scale), 1), input_size[1])
    left = (input_size[0] - inner_width) // 2 if centred else 0
    top = (input_size[1] - inner_height) // 2 if centred else 0
    return Placement(width, height, input_size, left, top, inner_width, inner_height)


def stretch(width: int, height: int, input_size: tuple[int, int]) -> Placement:
    """Stretch an image to fill the input, whatever its shape, as OpenCV's examples and the original project do."""
    return Placement(width, height, input_size, 0, 0, *input_size)
