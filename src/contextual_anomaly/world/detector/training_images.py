"""Render images with known boxes, to train the detector on."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.world.boxes import HEIGHT, WIDTH
from contextual_anomaly.world.rendering import render_scene, sample_looks
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import Sprites

SIDE = 96  # pixels of a training image
OBJECTS = 10  # in each image
LARGE = 1  # of them, mostly the background of the others
SIDES = (6.0, 41.0)  # of the objects' longer sides, in pixels
LARGE_SIDES = (38.0, 94.0)
ASPECT_SPREAD = 0.5  # standard deviation of the logarithm of width / height
BAR = 114  # grey level of letterbox bars


@dataclass(frozen=True)
class TrainingImages:
    """B images of `OBJECTS` objects each."""

    images: np.ndarray  # [B, SIDE, SIDE, 3] uint8, red green blue
    boxes: np.ndarray  # [B, OBJECTS, 4] left, top, right, bottom in pixels
    columns: np.ndarray  # [B, OBJECTS] index of the class


def render_training_images(world: World, sprites: Sprites, count: int, rng: np.random.Generator) -> TrainingImages:
    """Render images in which all classes are equally frequent, so that rare ones are learnt too.

    Boxes have the aspect ratio of their class, and any size and position. Some images have the grey bars of letterboxing.

    Args:
        world: Classes and their statistics.
        sprites: From `make_sprites`.
        count: Number of images.
        rng: Source of all random numbers.
    """
    columns = rng.integers(0, len(world.classes), (count, OBJECTS))
    low, high = np.log(np.array([LARGE_SIDES] * LARGE + [SIDES] * (OBJECTS - LARGE))).T
    longer = np.exp(rng.uniform(low, high, columns.shape))
    aspect = world.aspect[columns] * np.exp(rng.normal(0, ASPECT_SPREAD, columns.shape))
    size = longer[..., None] * np.stack([np.minimum(aspect, 1), np.minimum(1 / aspect, 1)], -1)
    size = np.maximum(np.round(size), 4)
    corner = np.round(rng.random(size.shape) * (SIDE - size))
    boxes = np.concatenate([corner, size], -1)
    images = np.stack(
        [
            render_scene(sprites, _ground(sprites, rng), c, b, sample_looks(sprites, c, rng), rng)
            for c, b in zip(columns, boxes, strict=True)
        ]
    )
    bars = rng.integers(1, 9, count) * (rng.random(count) < 0.2)
    for image, bar in zip(images, bars, strict=True):
        image[:bar] = BAR
    return TrainingImages(
        images, np.concatenate([corner, corner + size], -1).astype(np.float32), columns.astype(np.int32)
    )


def _ground(sprites: Sprites, rng: np.random.Generator) -> np.ndarray:
    """Cut a square out of the background of a random place."""
    places = list(sprites.backgrounds)
    grounds = sprites.backgrounds[places[rng.integers(len(places))]]
    left, top = rng.integers(WIDTH - SIDE), rng.integers(HEIGHT - SIDE)
    return grounds[rng.integers(len(grounds)), top : top + SIDE, left : left + SIDE]
