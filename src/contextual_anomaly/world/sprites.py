"""One sprite per class: the symbol shows the supercategory, colours and pattern show the class."""

import colorsys

import cv2
import numpy as np

from contextual_anomaly.world.scene_types import World

SIZE = 96  # side of a sprite in pixels, before it is scaled to a box
INK = (28, 26, 30)
EDGE = 9  # width of the dark border in pixels
GLYPH_PLACE = np.array([[0.62, 0, 0.19 * SIZE], [0, 0.62, 0.19 * SIZE]], np.float32)  # scaled, in the card's middle
SHADES = ((0.9, 0.95), (0.9, 0.55), (0.45, 0.95), (0.45, 0.6), (0.7, 0.8))
"""Saturation and value of the fill colours of the classes of one supercategory."""
PATTERNS = ("plain", "rows", "columns", "dots", "slant", "checks")


def sprites(world: World) -> np.ndarray:
    """Render the sprite of every class.

    A sprite fills its box, so that the box can be seen. Classes of one supercategory share the symbol and have similar
    hues, so that a detector confuses them.

    Returns:
        Sprites [C, SIZE, SIZE, 4] uint8: red, green, blue, and opacity, which is 255 everywhere.
    """
    above = sorted(set(world.supercategories))
    made = []
    for column, supercategory in enumerate(world.supercategories):
        family = above.index(supercategory)
        variant = world.supercategories[:column].count(supercategory)
        # Neighbouring supercategories are far apart on the colour circle; classes of one have similar hues.
        saturation, value = SHADES[variant % len(SHADES)]
        fill = _colour(family * 5 / len(above) + 0.05 * (variant // len(SHADES)), saturation, value)
        accent = _colour(family * 5 / len(above) + 0.3 + 0.618034 * variant, 0.9, 0.95 - 0.45 * (variant % 2))
        glyph = np.zeros((SIZE, SIZE), np.uint8)
        SYMBOLS[supercategory](glyph)
        glyph = cv2.warpAffine(glyph, GLYPH_PLACE, (SIZE, SIZE))
        image = np.empty((SIZE, SIZE, 3), np.uint8)
        image[:] = INK
        image[EDGE:-EDGE, EDGE:-EDGE] = fill
        image[(glyph > 127) & ~_pattern(PATTERNS[variant % len(PATTERNS)])] = accent
        made.append(np.dstack([image, np.full((SIZE, SIZE), 255, np.uint8)]))
    return np.stack(made)


def _colour(hue: float, saturation: float, value: float) -> tuple[int, ...]:
    """Convert hue, saturation and value to red, green and blue (0 to 255)."""
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _pattern(name: str) -> np.ndarray:
    """Return where the background shows through the symbol, [SIZE, SIZE] bool."""
    y, x = np.mgrid[:SIZE, :SIZE]
    thin, wide = SIZE // 8, SIZE // 4
    if name == "rows":
        return y % wide < thin
    if name == "columns":
        return x % wide < thin
    if name == "slant":
        return (x + y) % (wide + thin) < thin
    if name == "checks":
        return (x // wide + y // wide) % 2 == 0
    if name == "dots":
        return (x % wide - thin) ** 2 + (y % wide - thin) ** 2 < (0.75 * thin) ** 2
    return (abs(x - SIZE // 2) < thin) & (abs(y - SIZE // 2) < thin)  # "plain": one square in the middle


def _polygon(mask: np.ndarray, *corners: tuple[float, float]) -> None:
    """Fill a polygon given in fractions of the side."""
    cv2.fillPoly(mask, [np.round(np.array(corners) * (SIZE - 1)).astype(np.int32)], 255)


def _ellipse(mask: np.ndarray, x: float, y: float, rx: float, ry: float) -> None:
    """Fill an ellipse given by centre and half axes, in fractions of the side."""
    center, axes = (np.round(np.array(v) * (SIZE - 1)).astype(int).tolist() for v in ((x, y), (rx, ry)))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 255, cv2.FILLED)


def _box(mask: np.ndarray, left: float, top: float, right: float, bottom: float) -> None:
    """Fill a box given by its sides, in fractions of the side."""
    _polygon(mask, (left, top), (right, top), (right, bottom), (left, bottom))


def _person(mask: np.ndarray) -> None:
    _ellipse(mask, 0.5, 0.17, 0.18, 0.17)
    _polygon(mask, (0, 0.38), (1, 0.38), (0.85, 0.7), (0.8, 1), (0.55, 1), (0.5, 0.8), (0.45, 1), (0.2, 1), (0.15, 0.7))


def _vehicle(mask: np.ndarray) -> None:
    _polygon(mask, (0, 0.35), (0.2, 0.3), (0.35, 0), (0.8, 0), (0.9, 0.3), (1, 0.35), (1, 0.8), (0, 0.8))
    _ellipse(mask, 0.25, 0.8, 0.18, 0.2)
    _ellipse(mask, 0.75, 0.8, 0.18, 0.2)


def _outdoor(mask: np.ndarray) -> None:
    _polygon(mask, (0.3, 0), (0.7, 0), (1, 0.2), (1, 0.5), (0.7, 0.68), (0.3, 0.68), (0, 0.5), (0, 0.2))
    _box(mask, 0.38, 0.6, 0.62, 1)


def _animal(mask: np.ndarray) -> None:
    _ellipse(mask, 0.42, 0.52, 0.42, 0.26)
    _ellipse(mask, 0.82, 0.2, 0.18, 0.2)
    _polygon(mask, (0.65, 0.2), (0.95, 0.3), (0.8, 0.6), (0.6, 0.5))
    for x in (0.1, 0.6):
        _box(mask, x, 0.55, x + 0.18, 1)


def _accessory(mask: np.ndarray) -> None:
    _ellipse(mask, 0.5, 0.35, 0.3, 0.35)
    _polygon(mask, (0.1, 0.35), (0.9, 0.35), (1, 1), (0, 1))


def _sports(mask: np.ndarray) -> None:
    turn = np.pi * np.arange(16) / 8
    reach = np.where(np.arange(16) % 2, 0.3, 0.5)
    _polygon(mask, *zip(0.5 + reach * np.sin(turn), 0.5 - reach * np.cos(turn), strict=True))


def _kitchen(mask: np.ndarray) -> None:
    _polygon(mask, (0, 0), (1, 0), (0.75, 0.65), (0.6, 0.7), (0.6, 0.85), (0.9, 1), (0.1, 1), (0.4, 0.85), (0.4, 0.7), (0.25, 0.65))  # fmt: skip


def _food(mask: np.ndarray) -> None:
    _ellipse(mask, 0.5, 0.5, 0.5, 0.5)


def _furniture(mask: np.ndarray) -> None:
    _box(mask, 0, 0, 0.22, 1)
    _box(mask, 0, 0.4, 1, 0.75)
    _box(mask, 0.78, 0.4, 1, 1)


def _electronic(mask: np.ndarray) -> None:
    _box(mask, 0, 0, 1, 0.75)
    _box(mask, 0.4, 0.7, 0.6, 1)
    _box(mask, 0.15, 0.88, 0.85, 1)


def _appliance(mask: np.ndarray) -> None:
    _box(mask, 0, 0, 1, 1)


def _indoor(mask: np.ndarray) -> None:
    _polygon(mask, (0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))


SYMBOLS = {
    "person": _person,
    "vehicle": _vehicle,
    "outdoor": _outdoor,
    "animal": _animal,
    "accessory": _accessory,
    "sports": _sports,
    "kitchen": _kitchen,
    "food": _food,
    "furniture": _furniture,
    "electronic": _electronic,
    "appliance": _appliance,
    "indoor": _indoor,
}
