"""Pictograms of the classes: vector shapes in `pictograms.csv`, rendered in several colours."""

import cv2
import numpy as np

from contextual_anomaly.world.shapes import Canvas, read_drawings

OVERSAMPLING = 3  # shapes are painted so many times as large, then averaged: smooth edges
MARGIN = 12  # a line at the border is wider than its coordinates


def variants(name: str) -> int:
    """Return in how many colours the pictogram of the class ``name`` comes."""
    return read_drawings("pictograms.csv")[name].variants


def pictogram(name: str, width: int, height: int, variant: int = 0) -> np.ndarray:
    """Render the pictogram of a class so that it touches all four sides.

    Args:
        name: The class.
        width: In pixels.
        height: In pixels.
        variant: Which of its colours it has, counted round.

    Returns:
        Pixels [height, width, 4] uint8: red, green, blue, each times the opacity, and the opacity.
    """
    side = OVERSAMPLING * max(width, height)
    canvas = Canvas(side, side, MARGIN)
    read_drawings("pictograms.csv")[name].paint(canvas, variant)
    rows, columns = (np.flatnonzero(canvas.opacity.any(axis)) for axis in (1, 0))
    tight = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    colours = cv2.multiply(canvas.colours[tight], cv2.merge([canvas.opacity[tight]] * 3), scale=1 / 255)
    return cv2.resize(np.dstack([colours, canvas.opacity[tight]]), (width, height), interpolation=cv2.INTER_AREA)


def contact_sheet(names: list[str], aspect: np.ndarray, size: int = 64, columns: int = 10) -> np.ndarray:
    """Render the pictograms of ``names`` side by side, each with its name below.

    Args:
        names: Classes.
        aspect: [len(names)] width / height that each is shown with.
        size: Longer side of a pictogram in pixels.
        columns: Number of pictograms in a row.

    Returns:
        Image [height, width, 3] uint8: red, green, blue.
    """
    wide, high = size + 20, size + 24
    sheet = np.full((-(-len(names) // columns) * high, columns * wide, 3), 244, np.uint8)
    for number, (name, ratio) in enumerate(zip(names, aspect, strict=True)):
        width, height = round(size * min(ratio, 1)), round(size * min(1 / ratio, 1))
        top, left = number // columns * high + 4 + (size - height), number % columns * wide + (wide - width) // 2
        tile = pictogram(name, width, height, number)
        part = sheet[top : top + height, left : left + width]
        part[:] = tile[..., :3] + np.round(part * (1 - tile[..., 3:] / 255)).astype(np.uint8)
        label = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.32, 1)[0][0]
        corner = (number % columns * wide + max((wide - label) // 2, 0), number // columns * high + size + 17)
        cv2.putText(sheet, name, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.32, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet
