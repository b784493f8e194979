"""Letterboxing: an image shrunk or grown whole into the network's input, the rest grey, and boxes taken back."""

from dataclasses import dataclass

import cv2
import numpy as np

GREY = 114  # what both YOLOX and Ultralytics fill with


@dataclass(frozen=True)
class Letterbox:
    """Where an image of ``width`` × ``height`` lies in an input of ``input_size``; all in pixels."""

    width: int
    height: int
    input_size: tuple[int, int]  # width, height
    left: int
    top: int
    inner_width: int
    inner_height: int

    def fill(self, image: np.ndarray) -> np.ndarray:
        """The input [height, width, 3] uint8 of ``image`` [height, width, 3] uint8."""
        inner = cv2.resize(image, (self.inner_width, self.inner_height), interpolation=cv2.INTER_LINEAR)
        right = self.input_size[0] - self.left - self.inner_width
        bottom = self.input_size[1] - self.top - self.inner_height
        border = (GREY, GREY, GREY)
        return cv2.copyMakeBorder(inner, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=border)

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Corners [N, 4] (left, top, right, bottom) in the input as corners in the image, cut off at its edges.

        Each axis is divided by its own scale: whole pixels make the two differ a little.
        """
        scale = np.array([self.inner_width / self.width, self.inner_height / self.height] * 2)
        moved = (boxes - np.array([self.left, self.top] * 2)) / scale
        return np.clip(moved, 0, np.array([self.width, self.height] * 2))


def letterbox(width: int, height: int, input_size: tuple[int, int], centred: bool) -> Letterbox:
    """The letterbox of an image of ``width`` × ``height``, in the middle of the input or in its top left corner."""
    scale = min(input_size[0] / width, input_size[1] / height)
    # A sliver keeps one pixel.
    inner_width = min(max(round(width * scale), 1), input_size[0])
    inner_height = min(max(round(height * scale), 1), input_size[1])
    left = (input_size[0] - inner_width) // 2 if centred else 0
    top = (input_size[1] - inner_height) // 2 if centred else 0
    return Letterbox(width, height, input_size, left, top, inner_width, inner_height)
