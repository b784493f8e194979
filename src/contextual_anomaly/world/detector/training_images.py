"""Render images with known boxes, to train the detector on."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.world.detector.geometry import SHRINKS
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import Sprites

SIDE = 128  # pixels of a training image
OBJECTS = 12  # in each heap
LARGE = 2  # of them, mostly the background of the others
SIDES = (9.0, 41.0)  # of the objects' longer sides, in pixels
LARGE_SIDES = (38.0, 126.0)
ASPECT_SPREAD = 0.45  # standard deviation of the logarithm of width / height
SCENES = 0.4  # share of the training images that are cut out of scenes; the others are heaps
OF_SHRINK = (0.4, 0.3, 0.2, 0.1)  # how often a scene is shrunk by each of `SHRINKS`
SMALLEST, WHOLE = 12.0, 0.6  # what is shorter, or has a smaller part in the cut-out, is not an object of it
BAR = 114  # grey level of letterbox bars


@dataclass(frozen=True)
class TrainingImages:
    """B images of at most M objects each."""

    images: np.ndarray  # [B, SIDE, SIDE, 3] uint8, red green blue
    boxes: np.ndarray  # [B, M, 4] left, top, right, bottom in pixels; NaN where there are fewer objects
    columns: np.ndarray  # [B, M] index of the class


def render_training_images(world: World, sprites: Sprites, count: int, rng: np.random.Generator) -> TrainingImages:
    """Render heaps, in which rare classes are as frequent as others, and cut pieces out of scenes as the world has them.

    Args:
        world: Classes and their statistics.
        sprites: From `make_sprites`.
        count: Number of images.
        rng: Source of all random numbers.
    """
    scenes = round(count * SCENES)
    made = [_heap(world, sprites, rng) for _ in range(count - scenes)]
    made += [_mosaic(world, sprites, rng) for _ in range(scenes)]
    most = max(len(columns) for _, _, columns in made)
    boxes = np.full((count, most, 4), np.nan, np.float32)
    columns = np.zeros((count, most), np.int32)
    for row, (_, box, column) in enumerate(made):
        boxes[row, : len(box)], columns[row, : len(box)] = box, column
    return TrainingImages(np.stack([image for image, _, _ in made]), boxes, columns)


def _heap(world: World, sprites: Sprites, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render objects of any class, size and position before a piece of a place."""
    column = rng.integers(0, len(world.classes), OBJECTS)
    low, high = np.log(np.array([LARGE_SIDES] * LARGE + [SIDES] * (OBJECTS - LARGE))).T
    longer = np.exp(rng.uniform(low, high))
    usual = np.where(world.aspect[column] > 0, world.aspect[column], 1)
    aspect = usual * np.exp(rng.normal(0, ASPECT_SPREAD, OBJECTS))
    size = longer[:, None] * np.stack([np.minimum(aspect, 1), np.minimum(1 / aspect, 1)], 1)
    size = np.maximum(np.round(size), 4)
    corner = np.round(rng.random(size.shape) * (SIDE - size))
    box = np.concatenate([corner, size], 1)
    image = render_scene(sprites, _ground(sprites, rng), column, box, sample_looks(sprites, column, rng), rng)
    if rng.random() < 0.2:
        image[: rng.integers(1, 9)] = BAR
    return image, np.concatenate([corner, corner + size], 1), column


def _ground(sprites: Sprites, rng: np.random.Generator) -> np.ndarray:
    """Cut a square out of the background of a random place, shrunk as the detector sees it."""
    places = list(sprites.backgrounds)
    grounds = sprites.backgrounds[places[rng.integers(len(places))]]
    shrink = rng.choice(SHRINKS)
    ground = grounds[rng.integers(len(grounds)), ::shrink, ::shrink]
    copies = -(-SIDE // np.array(ground.shape[:2]))
    ground = np.tile(ground, (*copies, 1))
    top, left = (rng.integers(side - SIDE + 1) for side in ground.shape[:2])
    return ground[top : top + SIDE, left : left + SIDE]


def _mosaic(world: World, sprites: Sprites, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a square out of a scene, or put shrunk scenes side by side to fill one."""
    shrink = int(rng.choice(SHRINKS, p=OF_SHRINK))
    width, height = WIDTH // shrink, HEIGHT // shrink
    image = np.full((SIDE, SIDE, 3), BAR, np.uint8)
    boxes, columns = [np.zeros((0, 4))], [np.zeros(0, int)]
    from_left = -int(rng.integers(max(width - SIDE, 0) + 1))
    from_top = -int(rng.integers(max(height - SIDE, 0) + 1))
    for top in range(from_top, SIDE, height):
        for left in range(from_left, SIDE, width):
            scene, box, column = _scene(world, sprites, shrink, rng)
            there = image[max(top, 0) : top + height, max(left, 0) : left + width]
            there[:] = scene[max(-top, 0) :, max(-left, 0) :][: there.shape[0], : there.shape[1]]
            moved = box + np.array([left, top, left, top])
            inside = np.clip(moved, 0, SIDE)
            size, part = moved[:, 2:] - moved[:, :2], inside[:, 2:] - inside[:, :2]
            kept = (size.max(1, initial=0) >= (SMALLEST if shrink > 1 else 0)) & (part.prod(1) >= WHOLE * size.prod(1))
            boxes.append(inside[kept])
            columns.append(column[kept])
    return image, np.concatenate(boxes), np.concatenate(columns)


def _scene(world: World, sprites: Sprites, shrink: int, rng: np.random.Generator):
    """Render a scene of the world, shrunk; return pixels, corners [M, 4] and classes [M]."""
    objects = sample_objects(world, 1, rng)
    place = world.places[world.place[objects.scene_type[0]]]
    background, front = sample_ground(sprites, place, rng)
    looks = sample_looks(sprites, objects.column, rng)
    image = render_scene(sprites, background, objects.column, objects.box, looks, rng, front)
    shape = (HEIGHT // shrink, shrink, WIDTH // shrink, shrink, 3)
    box = np.concatenate([objects.box[:, :2], objects.box[:, :2] + objects.box[:, 2:]], 1) / shrink
    return image.reshape(shape).mean((1, 3)).round().astype(np.uint8), box, objects.column
