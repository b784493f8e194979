"""Scenes of the synthetic world: which classes, how many of each, and where they are."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.world.mixture import World

WIDTH, HEIGHT = 320, 240
"""Pixels of every image of the synthetic world."""
SMALLEST = 8.0
"""Pixels of a box's shortest side: what is smaller could not be drawn so that it is recognised."""
DECIMALS = 2  # of a pixel, as COCO writes them
IMAGES_AT_A_TIME = 1 << 16  # a bound for memory: in any number of pieces the random numbers are the same


@dataclass(frozen=True)
class Objects:
    """M objects, sorted by image."""

    image: np.ndarray  # [M] row of the image, from 0
    column: np.ndarray  # [M] the class's place in the world's class list
    box: np.ndarray  # [M, 4] x, y, width, height in pixels, inside the image


def sample_objects(world: World, images: int, rng: np.random.Generator) -> Objects:
    """Draw ``images`` scenes; some have no objects at all, as some of COCO's have none."""
    types = rng.choice(len(world.weight), images, p=world.weight)
    present = np.empty((images, len(world.classes)), bool)
    for start in range(0, images, IMAGES_AT_A_TIME):
        rows = slice(start, start + IMAGES_AT_A_TIME)
        present[rows] = rng.random(present[rows].shape) < world.probability[types[rows]]
    image, column = np.nonzero(present)
    # A geometric number of objects, 1 or more, has the long tail of COCO's crowds and exactly the wanted mean.
    count = rng.geometric(1 / world.mean_instances[column])
    image, column = np.repeat(image, count), np.repeat(column, count)
    return Objects(image, column, sample_boxes(world, column, rng))


def sample_boxes(world: World, column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A box for each object by the statistics of its class.

    Args:
        column: [M] the class's place in the world's class list.

    Returns:
        [M, 4] x, y, width, height in pixels, to hundredths, inside the image; no side is below `SMALLEST`.
    """

    def draw(spread: np.ndarray) -> np.ndarray:
        return rng.normal(spread[column, 0], spread[column, 1])

    side = np.exp(draw(world.log_scale)) * np.sqrt(WIDTH * HEIGHT)
    stretch = np.exp(draw(world.log_aspect) / 2)
    size = np.stack([side * stretch, side / stretch], 1)
    image = np.array([WIDTH, HEIGHT], float)
    size = np.round(np.clip(size, SMALLEST, image), DECIMALS)
    center = np.stack([draw(world.x_center), draw(world.y_center)], 1) * image
    corner = np.round(np.clip(center - size / 2, 0, image - size), DECIMALS)
    return np.concatenate([corner, size], 1)
