"""Sample scenes of the synthetic world: which classes are present, how many of each, and where."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.world.scene_types import World

WIDTH, HEIGHT = 320, 240
"""Pixels of every image of the synthetic world."""
SMALLEST = 8.0
"""Shortest side of a box in pixels; a smaller object could not be recognised in a rendered image."""
DECIMALS = 2  # of a pixel, as COCO writes them
IMAGES_AT_A_TIME = 1 << 16  # bounds memory; the random numbers do not depend on it


@dataclass(frozen=True)
class SampledObjects:
    """M objects, sorted by image."""

    image: np.ndarray  # [M] row of the image, from 0
    column: np.ndarray  # [M] index of the class in the world's class list
    box: np.ndarray  # [M, 4] x, y, width, height in pixels, inside the image


def sample_objects(world: World, images: int, rng: np.random.Generator) -> SampledObjects:
    """Sample the objects of ``images`` scenes; some scenes have none, as in COCO.

    Args:
        world: Classes and scene types.
        images: Number of scenes.
        rng: Source of all random numbers.
    """
    types = rng.choice(len(world.weight), images, p=world.weight)
    present = np.empty((images, len(world.classes)), bool)
    for start in range(0, images, IMAGES_AT_A_TIME):
        rows = slice(start, start + IMAGES_AT_A_TIME)
        present[rows] = rng.random(present[rows].shape) < world.probability[types[rows]]
    image, column = np.nonzero(present)
    # A geometric number of objects, 1 or more, has the long tail of COCO's crowds and exactly the wanted mean.
    count = rng.geometric(1 / world.mean_instances[column])
    image, column = np.repeat(image, count), np.repeat(column, count)
    return SampledObjects(image, column, sample_boxes(world, column, rng))


def sample_boxes(world: World, column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sample a box for each object by the statistics of its class.

    Args:
        world: Statistics of the classes.
        column: [M] index of each object's class in the world's class list.
        rng: Source of all random numbers.

    Returns:
        Boxes [M, 4]: x, y, width, height in pixels, rounded to hundredths, inside the image; no side is shorter than
        `SMALLEST`.
    """

    def sample(spread: np.ndarray) -> np.ndarray:
        return rng.normal(spread[column, 0], spread[column, 1])

    side = np.exp(sample(world.log_scale)) * np.sqrt(WIDTH * HEIGHT)
    stretch = np.exp(sample(world.log_aspect) / 2)
    size = np.stack([side * stretch, side / stretch], 1)
    image = np.array([WIDTH, HEIGHT], float)
    size = np.round(np.clip(size, SMALLEST, image), DECIMALS)
    center = np.stack([sample(world.x_center), sample(world.y_center)], 1) * image
    corner = np.round(np.clip(center - size / 2, 0, image - size), DECIMALS)
    return np.concatenate([corner, size], 1)
