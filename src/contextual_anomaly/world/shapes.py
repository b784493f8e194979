"""Paint vector shapes with OpenCV: what pictograms and places are made of.

The tables `pictograms.csv` and `places.csv` have a row for each shape, in the order in which they are painted: name, shape,
colour, numbers. Coordinates go from 0 (left, top) to 100 (right, bottom). Shapes: `polygon` x y …, `ellipse` x y rx ry,
`ring` thickness x y rx ry, `line` thickness x y …, `rect` left top right bottom, `grid` columns rows left top right bottom.
A colour is `#rrggbb`, `#rrggbbaa`, or the name of a row of shape `colours`, whose numbers are the colours to choose from.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import cv2
import numpy as np

COLOURS = "colours"


@dataclass(frozen=True)
class Drawing:
    """The shapes of one name, and the colours to choose from."""

    shapes: list[tuple[str, str, np.ndarray]] = field(default_factory=list)  # shape, colour, numbers
    palettes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def variants(self) -> int:
        """In how many colours it comes."""
        return max(map(len, self.palettes.values()), default=1)

    def paint(self, canvas: "Canvas", variant: int) -> None:
        """Paint all shapes in the colours of number ``variant``, counted round."""
        for shape, colour, numbers in self.shapes:
            choices = self.palettes.get(colour, [colour])
            canvas.paint(shape, numbers, *_rgba(choices[variant % len(choices)]))


@cache
def read_drawings(file: str) -> dict[str, Drawing]:
    """Read a table of shapes that comes with the package, by name."""
    text = resources.files("contextual_anomaly.world").joinpath(file).read_text(encoding="utf-8")
    drawings: dict[str, Drawing] = {}
    for name, shape, colour, numbers in list(csv.reader(text.splitlines()))[1:]:
        drawing = drawings.setdefault(name, Drawing())
        if shape == COLOURS:
            drawing.palettes[colour] = numbers.split()
        else:
            drawing.shapes.append((shape, colour, np.array(numbers.split(), float)))
    return drawings


class Canvas:
    """Pixels to paint on: colours [height, width, 3] and opacity [height, width], uint8."""

    def __init__(self, width: int, height: int, margin: float = 0) -> None:
        """Make an empty canvas; ``margin`` is left free on every side, in units of the coordinates."""
        self.colours = np.zeros((height, width, 3), np.uint8)
        self.opacity = np.zeros((height, width), np.uint8)
        self.margin = margin
        self.scale = np.array([width, height]) / (100 + 2 * margin)

    def paint(self, shape: str, numbers: np.ndarray, rgb: tuple[int, int, int], opacity: float) -> None:
        """Paint one shape in a colour (0 to 255) with an opacity (0 to 1)."""
        paint = PAINTERS[shape]
        if opacity == 1:
            paint(self, self.colours, numbers, rgb)
            paint(self, self.opacity, numbers, 255)
            return
        mask = np.zeros_like(self.opacity)
        paint(self, mask, numbers, 255)
        inside = mask > 0
        self.colours[inside] = np.round((1 - opacity) * self.colours[inside] + opacity * np.array(rgb)).astype(np.uint8)
        self.opacity[inside] = np.maximum(self.opacity[inside], round(255 * opacity))

    def pixels(self) -> np.ndarray:
        """Return the pixels [height, width, 4]: red, green, blue, each times the opacity, and the opacity."""
        colours = cv2.multiply(self.colours, cv2.merge([self.opacity] * 3), scale=1 / 255)
        return np.dstack([colours, self.opacity])

    def points(self, numbers: np.ndarray) -> np.ndarray:
        """Convert x y … to pixels [n, 2] int32."""
        return np.round((numbers.reshape(-1, 2) + self.margin) * self.scale).astype(np.int32)

    def thickness(self, value: float) -> int:
        """Convert the thickness of a line to pixels, 1 or more."""
        return max(round(float(value * self.scale.min())), 1)


def _rgba(colour: str) -> tuple[tuple[int, int, int], float]:
    """Convert `#rrggbb` or `#rrggbbaa` to red, green, blue (0 to 255) and opacity (0 to 1)."""
    red, green, blue, *opacity = bytes.fromhex(colour.removeprefix("#"))
    return (red, green, blue), opacity[0] / 255 if opacity else 1


def _polygon(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value) -> None:
    cv2.fillPoly(image, [canvas.points(numbers)], value)


def _ellipse(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value, thickness: int = cv2.FILLED) -> None:
    axes = np.round(numbers[2:] * canvas.scale).astype(int).tolist()
    cv2.ellipse(image, canvas.points(numbers[:2])[0].tolist(), axes, 0, 0, 360, value, thickness)


def _ring(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value) -> None:
    _ellipse(canvas, image, numbers[1:], value, canvas.thickness(numbers[0]))


def _line(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value) -> None:
    cv2.polylines(image, [canvas.points(numbers[1:])], False, value, canvas.thickness(numbers[0]))


def _rect(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value) -> None:
    (left, top), (right, bottom) = canvas.points(numbers).tolist()
    cv2.rectangle(image, (left, top), (right, bottom), value, cv2.FILLED)


def _grid(canvas: Canvas, image: np.ndarray, numbers: np.ndarray, value) -> None:
    columns, rows, left, top, right, bottom = numbers.tolist()
    width, height = (right - left) / columns, (bottom - top) / rows
    for row in range(int(rows)):
        for column in range(int(columns)):
            x, y = left + column * width, top + row * height
            corners = np.array([x + 0.12 * width, y + 0.12 * height, x + 0.88 * width, y + 0.88 * height])
            _rect(canvas, image, corners, value)


PAINTERS = {"polygon": _polygon, "ellipse": _ellipse, "ring": _ring, "line": _line, "rect": _rect, "grid": _grid}
