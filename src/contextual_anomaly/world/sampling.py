"""Sample scenes of the synthetic world: which classes are present, how many of each, and where."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.models.synthetic.boxes import to_box
from contextual_anomaly.world.scene_types import World

IMAGES_AT_A_TIME = 1 << 16  # bounds memory; the random numbers do not depend on it


@dataclass(frozen=True)
class SampledObjects:
    """M objects of N images, sorted by image."""

    scene_type: np.ndarray  # [N] of each image
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
    return SampledObjects(types, image, column, sample_boxes(world, world.place[types[image]], column, rng))


def sample_boxes(world: World, place: np.ndarray, column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sample a box for each object by the distribution of its class at its place.

    Args:
        world: Means and covariances of the boxes.
        place: [M] index of the place of each object's image.
        column: [M] index of each object's class in the world's class list.
        rng: Source of all random numbers.

    Returns:
        Boxes [M, 4]: x, y, width, height in pixels, rounded to hundredths, inside the image.
    """
    noise = rng.standard_normal((len(column), 4))
    boxes = np.empty((len(column), 4))
    for start in range(0, len(column), IMAGES_AT_A_TIME):
        rows = slice(start, start + IMAGES_AT_A_TIME)
        where = place[rows], column[rows]
        coordinates = world.box_mean[where] + np.einsum("mij,mj->mi", world.box_root[where], noise[rows])
        boxes[rows] = to_box(coordinates, world.span[where])
    return boxes
