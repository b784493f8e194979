"""Render images with known boxes, to train the detector on."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.world.rendering import render_scene
from contextual_anomaly.world.scene_types import World

SIDE = 96  # pixels of a training image
OBJECTS = 10  # in each image
LARGE = 1  # of them, mostly the background of the others
SIDES = (6.0, 41.0)  # of the objects' longer sides, in pixels
LARGE_SIDES = (38.0, 94.0)
BAR = 114  # grey level of letterbox bars


@dataclass(frozen=True)
class TrainingImages:
    """B images of `OBJECTS` objects each."""

    images: np.ndarray  # [B, SIDE, SIDE, 3] uint8, red green blue
    boxes: np.ndarray  # [B, OBJECTS, 4] left, top, right, bottom in pixels
    columns: np.ndarray  # [B, OBJECTS] index of the class


def render_training_images(
    world: World, pyramid: tuple[np.ndarray, ...], count: int, rng: np.random.Generator
) -> TrainingImages:
    """Render images in which all classes are equally frequent, so that rare ones are learnt too.

    Boxes have the aspect ratio of their class, and any size and position. Some images have the grey bars of letterboxing.

    Args:
        world: Classes and their statistics.
        pyramid: From `world.rendering.sprite_pyramid`.
        count: Number of images.
        rng: Source of all random numbers.
    """
    columns = rng.integers(0, len(world.classes), (count, OBJECTS))
    low, high = np.log(np.array([LARGE_SIDES] * LARGE + [SIDES] * (OBJECTS - LARGE))).T
    longer = np.exp(rng.uniform(low, high, columns.shape))
    aspect = np.exp(rng.normal(world.log_aspect[columns, 0], world.log_aspect[columns, 1]))
    size = longer[..., None] * np.stack([np.minimum(aspect, 1), np.minimum(1 / aspect, 1)], -1)
    size = np.maximum(np.round(size), 4)
    corner = np.round(rng.random(size.shape) * (SIDE - size))
    boxes = np.concatenate([corner, size], -1)
    images = np.stack([render_scene(pyramid, c, b, SIDE, SIDE, rng) for c, b in zip(columns, boxes, strict=True)])
    bars = rng.integers(1, 9, count) * (rng.random(count) < 0.2)
    for image, bar in zip(images, bars, strict=True):
        image[:bar] = BAR
    return TrainingImages(
        images, np.concatenate([corner, corner + size], -1).astype(np.float32), columns.astype(np.int32)
    )
