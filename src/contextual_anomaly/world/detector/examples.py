"""Freshly drawn pictures with known boxes, to train the detector on."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.world.drawing import draw_scene
from contextual_anomaly.world.mixture import World

SIDE = 96  # pixels of a training picture
OBJECTS = 10  # of each picture
LARGE = 1  # of them, mostly the ground that others lie on
SIDES = (6.0, 41.0)  # of the objects' longer sides, in pixels
LARGE_SIDES = (38.0, 94.0)
BAR = 114  # the grey that letterboxing fills with


@dataclass(frozen=True)
class Examples:
    """B pictures of `OBJECTS` objects each."""

    pictures: np.ndarray  # [B, SIDE, SIDE, 3] uint8, red green blue
    boxes: np.ndarray  # [B, OBJECTS, 4] left, top, right, bottom in pixels
    columns: np.ndarray  # [B, OBJECTS] the class's place


def draw_examples(world: World, stamps: tuple[np.ndarray, ...], count: int, rng: np.random.Generator) -> Examples:
    """Pictures in which all classes are equally frequent, so that rare ones are learnt, too, and all sizes occur.

    Shapes are those of the class; places are anywhere. Some pictures have the grey bars of letterboxing.
    """
    columns = rng.integers(0, len(world.classes), (count, OBJECTS))
    low, high = np.log(np.array([LARGE_SIDES] * LARGE + [SIDES] * (OBJECTS - LARGE))).T
    longer = np.exp(rng.uniform(low, high, columns.shape))
    aspect = np.exp(rng.normal(world.log_aspect[columns, 0], world.log_aspect[columns, 1]))
    size = longer[..., None] * np.stack([np.minimum(aspect, 1), np.minimum(1 / aspect, 1)], -1)
    size = np.maximum(np.round(size), 4)
    corner = np.round(rng.random(size.shape) * (SIDE - size))
    boxes = np.concatenate([corner, size], -1)
    pictures = np.stack([draw_scene(stamps, c, b, SIDE, SIDE, rng) for c, b in zip(columns, boxes, strict=True)])
    bars = rng.integers(1, 9, count) * (rng.random(count) < 0.2)
    for picture, bar in zip(pictures, bars, strict=True):
        picture[:bar] = BAR
    return Examples(pictures, np.concatenate([corner, corner + size], -1).astype(np.float32), columns.astype(np.int32))
