"""Write sampled scenes as COCO annotation files."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from contextual_anomaly.models.synthetic.boxes import DECIMALS, HEIGHT, WIDTH
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.world.sampling import SampledObjects, sample_objects
from contextual_anomaly.world.scene_types import World

FIRST_IMAGE_ID = {"val": 1, "train": 1_000_001}
"""First image id of each split. The ranges do not overlap and do not depend on the size of the other split."""
IMAGES_AT_A_TIME = 4096
CORNER = 0.29
"""Share of each side that a corner of the octagon cuts off, as in a regular octagon."""
# Around the box clockwise from the top edge, as fractions of its width and height.
OCTAGON = np.array(
    [
        [CORNER, 0], [1 - CORNER, 0], [1, CORNER], [1, 1 - CORNER],
        [1 - CORNER, 1], [CORNER, 1], [0, 1 - CORNER], [0, CORNER],
    ]
)  # fmt: skip
INFO = {
    "description": "Synthetic world of Contextual Anomaly: scenes sampled from COCO 2017's statistics",
    "url": "",
    "version": "1.0",
    "year": 2017,
    "contributor": "Contextual Anomaly",
    "date_created": "2017/09/01",
}
LICENSES = [{"url": "https://opensource.org/license/mit", "id": 1, "name": "MIT License"}]


class ImageRecord(msgspec.Struct):
    """One entry of `images`: COCO's fields in COCO's order, then the place, which the background is rendered by."""

    license: int
    file_name: str
    coco_url: str
    height: int
    width: int
    date_captured: str
    flickr_url: str
    id: int
    place: str


class AnnotationRecord(msgspec.Struct):
    """One entry of `annotations`, fields in COCO's order."""

    segmentation: list[list[float]]
    area: float
    iscrowd: int
    image_id: int
    bbox: list[float]
    category_id: int
    id: int


def write_annotations(world: World, split: str, images: int, seed: int, path: str | Path) -> int:
    """Sample a split and write its `instances_*.json`.

    Args:
        world: Classes and scene types.
        split: "train" or "val"; each has its own random numbers and its own range of image ids.
        images: Number of images.
        seed: Of the random numbers.
        path: The file to write.

    Returns:
        The number of objects.
    """
    first = FIRST_IMAGE_ID[split]
    objects = sample_objects(world, images, np.random.default_rng([seed, first]))
    encode = msgspec.json.Encoder().encode
    categories = [
        {"supercategory": above, "id": i, "name": name}
        for i, name, above in zip(world.category_ids, world.classes, world.supercategories, strict=True)
    ]
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write(b'{"info":' + encode(INFO) + b',"licenses":' + encode(LICENSES) + b',"images":[')
        _write_items(file, (encode(chunk) for chunk in _images(world, objects.scene_type, first)))
        file.write(b'],"annotations":[')
        _write_items(file, (encode(chunk) for chunk in _annotations(world, objects, first)))
        file.write(b'],"categories":' + encode(categories) + b"}\n")
    return len(objects.image)


def _write_items(file, chunks: Iterator[bytes]) -> None:
    """Write the items of several non-empty JSON arrays as one array, without its brackets."""
    for number, chunk in enumerate(chunks):
        file.write(b"," * (number > 0) + chunk[1:-1])


def _images(world: World, scene_type: np.ndarray, first: int) -> Iterator[list[ImageRecord]]:
    """Yield the records of the images of these scene types [N] in chunks; ids count from ``first``."""
    for start in range(0, len(scene_type), IMAGES_AT_A_TIME):
        places = world.place[scene_type[start : start + IMAGES_AT_A_TIME]].tolist()
        ids = range(first + start, first + start + len(places))
        yield [
            ImageRecord(1, f"{i:012d}.jpg", "", HEIGHT, WIDTH, "", "", i, world.places[place])
            for i, place in zip(ids, places, strict=True)
        ]


def _annotations(world: World, objects: SampledObjects, first: int) -> Iterator[list[AnnotationRecord]]:
    """Yield the records of all objects in chunks; image ids count from ``first``."""
    category = np.array(world.category_ids)[objects.column]
    steps = 8 * IMAGES_AT_A_TIME
    for start in range(0, len(objects.image), steps):
        rows = slice(start, start + steps)
        polygon, area = outline(objects.box[rows])
        columns = (
            polygon.reshape(-1, 16).tolist(),
            area.tolist(),
            (objects.image[rows] + first).tolist(),
            objects.box[rows].tolist(),
            category[rows].tolist(),
            # Annotation ids follow the ranges of the image ids, so that the two files can be joined.
            range(1000 * first + start, 1000 * first + start + len(area)),
        )
        yield [AnnotationRecord([p], a, 0, i, b, c, n) for p, a, i, b, c, n in zip(*columns, strict=True)]


def outline(box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the octagon inside each box that touches its four sides.

    Args:
        box: [M, 4] x, y, width, height in pixels.

    Returns:
        Corners [M, 8, 2] in pixels, and areas [M] in square pixels.
    """
    polygon = np.round(box[:, None, :2] + OCTAGON * box[:, None, 2:], DECIMALS)
    x, y = polygon[..., 0], polygon[..., 1]
    area = np.abs((x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)) / 2  # the shoelace formula
    return polygon, np.round(area, 4)
