"""Sprites: every class's pictogram in its colours and at several sizes, and every place as a background."""

from dataclasses import dataclass

import cv2
import numpy as np

from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.world.pictograms import natural_aspect, pictogram, variants
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.shapes import Canvas, Drawing, read_drawings

SIZES = (160, 80, 40, 20)  # sides of a sprite in pixels
CROPPED = frozenset({"person"})  # of whom photographs often show the upper half alone
READABLE = frozenset({"stop sign"})  # what is written on it must not be mirrored
TURNED = frozenset({"cell phone", "keyboard", "tennis racket"})  # which lie as often as they stand


@dataclass(frozen=True)
class Sprites:
    """What scenes are rendered from."""

    first: np.ndarray  # [C] row of each class's first sprite
    count: np.ndarray  # [C] in how many colours it comes
    mirrored: np.ndarray  # [C] bool, whether it may be mirrored
    cropped: np.ndarray  # [C] bool, whether it is cut off below rather than stretched in width
    aspect: np.ndarray  # [C] width / height of the pictogram; 0 if it must not be turned by 90 degrees
    surface: np.ndarray  # [C] bool, whether it stands on a table or counter, where there is one
    pyramid: tuple[
        np.ndarray, ...
    ]  # of each size [sprites, side, side, 4] uint8: red, green, blue times opacity, opacity
    backgrounds: dict[str, np.ndarray]  # of each place [colours, HEIGHT, WIDTH, 3] uint8: red, green, blue
    fronts: dict[
        str, np.ndarray
    ]  # of some places, the table before all that stands on the floor, as `pyramid`'s pixels


def make_sprites(world: World) -> Sprites:
    """Render the pictograms of all classes and the backgrounds of all places."""
    count = np.array([variants(name) for name in world.classes])
    largest = [
        pictogram(name, SIZES[0], SIZES[0], variant) for name in world.classes for variant in range(variants(name))
    ]
    pyramid = [np.stack(largest)]
    for side in SIZES[1:]:
        pyramid.append(np.stack([cv2.resize(s, (side, side), interpolation=cv2.INTER_AREA) for s in pyramid[-1]]))
    places = read_drawings("places.csv")
    return Sprites(
        first=np.cumsum(count) - count,
        count=count,
        mirrored=np.array([name not in READABLE for name in world.classes]),
        cropped=np.array([name in CROPPED for name in world.classes]),
        aspect=np.array([natural_aspect(name) if name in TURNED else 0 for name in world.classes]),
        surface=np.array([support == "surface" for support in world.support]),
        pyramid=tuple(pyramid),
        backgrounds={place: _painted(places[place], places[place].variants)[..., :3] for place in world.places},
        # Background and front have the same number of variants, so that one random number chooses both.
        fronts={
            place: _painted(places[f"{place} front"], places[place].variants)
            for place in world.places
            if f"{place} front" in places
        },
    )


def _painted(drawing: Drawing, variants: int) -> np.ndarray:
    """Paint a drawing in ``variants`` colours: [variants, HEIGHT, WIDTH, 4] uint8, as a sprite's pixels."""
    painted = []
    for variant in range(variants):
        canvas = Canvas(2 * WIDTH, 2 * HEIGHT)
        drawing.paint(canvas, variant)
        painted.append(cv2.resize(canvas.pixels(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return np.stack(painted)
