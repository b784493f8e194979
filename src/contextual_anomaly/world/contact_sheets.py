"""Contact sheets for the documentation: every pictogram by itself, and a scene of every place.

`python -m contextual_anomaly.world.contact_sheets docs/images` makes the two that the documentation shows.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.world.pictograms import pictogram
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import World, load_world
from contextual_anomaly.world.sprites import make_sprites

TILE = 64  # pixels
CELL = (96, 88)  # width and height of a tile with its name
COLUMNS = 10
ASPECTS = (0.4, 2.5)  # a tile shows a class as its boxes usually are, up to these
PLACE_COLUMNS = 4
PAPER, GROUND, INK = (255, 255, 255), (236, 241, 226), (60, 60, 60)  # blue, green, red
FONT = cv2.FONT_HERSHEY_SIMPLEX
OBJECTS = (5, 12)  # of a scene that stands for its place


def pictogram_sheet(world: World) -> np.ndarray:
    """Return all pictograms in tiles of `TILE` pixels with their names, [height, width, 3]: blue, green, red."""
    width, height = CELL
    sheet = np.full((height * -(-len(world.classes) // COLUMNS), width * COLUMNS, 3), PAPER, np.uint8)
    for number, name in enumerate(world.classes):
        top, left = number // COLUMNS * height + 2, number % COLUMNS * width + (width - TILE) // 2
        tile = sheet[top : top + TILE, left : left + TILE]
        tile[:] = GROUND
        aspect = float(np.clip(world.aspect[number], *ASPECTS))
        size = (max(round(TILE * min(aspect, 1)), 1), max(round(TILE * min(1 / aspect, 1)), 1))
        inside = tile[(TILE - size[1]) // 2 :, (TILE - size[0]) // 2 :][: size[1], : size[0]]
        pixels = pictogram(name, *size, variant=number).astype(float)
        inside[:] = np.round(inside * (1 - pixels[..., 3:] / 255) + pixels[..., 2::-1])
        wide = cv2.getTextSize(name, FONT, 0.42, 1)[0][0]
        at = (number % COLUMNS * width + (width - wide) // 2, top + TILE + 15)
        cv2.putText(sheet, name, at, FONT, 0.42, INK, 1, cv2.LINE_AA)
    return sheet


def place_sheet(world: World, seed: int = 0) -> np.ndarray:
    """Return a sampled scene of each place with its name, [height, width, 3]: blue, green, red."""
    rng, sprites = np.random.default_rng(seed), make_sprites(world)
    objects = sample_objects(world, 4000, rng)
    count = np.bincount(objects.image, minlength=len(objects.scene_type))
    usable = (count >= OBJECTS[0]) & (count <= OBJECTS[1])
    sheet = np.full(
        ((HEIGHT + 24) * -(-len(world.places) // PLACE_COLUMNS), (WIDTH + 8) * PLACE_COLUMNS, 3), 255, np.uint8
    )
    for number, place in enumerate(world.places):
        image = np.flatnonzero(usable & (world.place[objects.scene_type] == number))[0]
        mine = objects.image == image
        background, front = sample_ground(sprites, place, rng)
        looks = sample_looks(sprites, objects.column[mine], rng)
        scene = render_scene(sprites, background, objects.column[mine], objects.box[mine], looks, rng, front)
        top, left = number // PLACE_COLUMNS * (HEIGHT + 24), number % PLACE_COLUMNS * (WIDTH + 8)
        sheet[top : top + HEIGHT, left : left + WIDTH] = scene[..., ::-1]
        cv2.putText(sheet, place, (left + 2, top + HEIGHT + 16), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return sheet


def write_contact_sheets(folder: str | Path) -> None:
    """Write pictograms.png and places.jpg into ``folder``."""
    world = load_world()
    places = cv2.resize(place_sheet(world), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    for name, sheet, settings in (
        ("pictograms.png", pictogram_sheet(world), []),
        ("places.jpg", places, [cv2.IMWRITE_JPEG_QUALITY, 85]),
    ):
        with atomic_write(Path(folder) / name) as temporary:
            cv2.imwrite(str(temporary), sheet, settings)


if __name__ == "__main__":
    write_contact_sheets(sys.argv[1])
