"""Images into the network's input, whole or stretched, and boxes taken back."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Placement:
    """Where an image of ``width`` × ``height`` lies in an input of ``input_size``; all in pixels."""

    width: int
    height: int
    input_size: tuple[int, int]  # width, height
    left: int
    top: int
    inner_width: int
    inner_height: int

    def fill(self, image: np.ndarray, grey: int) -> np.ndarray:
        """The input [height, width, 3] uint8 of ``image`` [height, width, 3] uint8, ``grey`` where it does not lie."""
        inner = cv2.resize(image, (self.inner_width, self.inner_height), interpolation=cv2.INTER_LINEAR)
        right = self.input_size[0] - self.left - self.inner_width
        bottom = self.input_size[1] - self.top - self.inner_height
        if not (self.left or self.top or right or bottom):
            return inner
        border = (grey, grey, grey)
        return cv2.copyMakeBorder(inner, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=border)

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Corners [N, 4] (left, top, right, bottom) in the input as corners in the image, cut off at its edges.

        Each axis is divided by its own scale: whole pixels make the two of a letterbox differ a little.
        """
        scale = np.array([self.inner_width / self.width, self.inner_height / self.height] * 2)
        moved = (boxes - np.array([self.left, self.top] * 2)) / scale
        return np.clip(moved, 0, np.array([self.width, self.height] * 2))


def letterbox(width: int, height: int, input_size: tuple[int, int], centred: bool) -> Placement:
    """An image of ``width`` × ``height`` shrunk or grown whole, in the middle of the input or in its top left corner."""
    scale = min(input_size[0] / width, input_size[1] / height)
    # A sliver keeps one pixel.
    inner_width = min(max(round(width * scale), 1), input_size[0])
    inner_height = min(max(round(height * scale), 1), input_size[1])
    left = (input_size[0] - inner_width) // 2 if centred else 0
    top = (input_size[1] - inner_height) // 2 if centred else 0
    return Placement(width, height, input_size, left, top, inner_width, inner_height)


def stretch(width: int, height: int, input_size: tuple[int, int]) -> Placement:
    """An image that fills the input, whatever its shape: as OpenCV's own examples and the original project do."""
    return Placement(width, height, input_size, 0, 0, *input_size)
