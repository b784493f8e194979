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
    return cv2.resize(
        _painted(name, variant, OVERSAMPLING * max(width, height)), (width, height), interpolation=cv2.INTER_AREA
    )


def natural_aspect(name: str) -> float:
    """Return width / height of the pictogram of the class ``name`` as it was designed."""
    height, width = _painted(name, 0, 320).shape[:2]
    return width / height


def _painted(name: str, variant: int, side: int) -> np.ndarray:
    """Paint a pictogram on a square of ``side`` pixels, cut to where something was painted."""
    canvas = Canvas(side, side, MARGIN)
    read_drawings("pictograms.csv")[name].paint(canvas, variant)
    rows, columns = (np.flatnonzero(canvas.opacity.any(axis)) for axis in (1, 0))
    return canvas.pixels()[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
