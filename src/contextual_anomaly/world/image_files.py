"""Write the JPEG images of an annotation file of the synthetic world."""

from pathlib import Path

import cv2
import msgspec
import numpy as np

from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.runtime.atomic import MANIFEST, atomic_folder
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import make_sprites

QUALITY = 92


class _Place(msgspec.Struct):
    """Of an entry of `images`, what `read_instances` does not read."""

    id: int
    width: int = 0
    height: int = 0
    place: str = ""


class _Places(msgspec.Struct):
    images: list[_Place]


def write_images(world: World, annotations: str | Path, count: int, seed: int, folder: str | Path) -> int:
    """Render the ``count`` annotated images of the lowest ids into ``folder``, which appears whole or not at all.

    Args:
        world: The world that the annotations were sampled from.
        annotations: A COCO file of `write_annotations`.
        count: Number of images.
        seed: Of backgrounds, lights and noise.
        folder: Replaced as a whole.

    Returns:
        The number of images, less than ``count`` where the file has fewer.

    Raises:
        UserError: the annotations are wrong or not of this world, or the folder holds something else.
    """
    objects, images, categories = read_instances(annotations)
    if tuple(categories["category_id"].to_pylist()) != world.category_ids:
        raise UserError(
            f"{annotations}: categories are not the synthetic world's 80; only its own scenes can be rendered."
        )
    place = {image.id: image for image in msgspec.json.decode(Path(annotations).read_bytes(), type=_Places).images}
    for image in place.values():
        if image.place not in world.places or (image.width, image.height) != (WIDTH, HEIGHT):
            raise UserError(
                f"{annotations}: image {image.id}: a place of the synthetic world and {WIDTH} × {HEIGHT} pixels were expected; only its own scenes can be rendered."
            )
    image_id = objects["image_id"].to_numpy()
    column = np.searchsorted(world.category_ids, objects["category_id"].to_numpy())
    box = np.stack([objects[c].to_numpy() for c in BOX], 1)
    ids = np.unique(image_id)[:count]
    start, stop = np.searchsorted(image_id, ids), np.searchsorted(image_id, ids, side="right")
    rows = images.take(np.searchsorted(images["image_id"].to_numpy(), ids)).to_pylist()

    folder = Path(folder)
    if folder.exists() and any(p.suffix != ".jpg" and p.name != MANIFEST for p in folder.iterdir()):
        raise UserError(f"{folder}: holds other files than .jpg images and is not replaced; give another folder.")
    sprites = make_sprites(world)
    with atomic_folder(folder) as temporary:
        work = zip(rows, start, stop, strict=True)
        for row, first, last in track(work, "render images", len(rows), "images"):
            rng = np.random.default_rng([seed, row["image_id"]])
            mine = slice(first, last)
            background, front = sample_ground(sprites, place[row["image_id"]].place, rng)
            looks = sample_looks(sprites, column[mine], rng)
            image = render_scene(sprites, background, column[mine], box[mine], looks, rng, front)
            _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            (temporary / Path(row["file_name"]).name).write_bytes(data.tobytes())
    return len(rows)
