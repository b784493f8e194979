"""Made-up data sets of any number of images and classes, for benchmarks that need no download.

Images have one of several scene types, each with some twelve classes of its own, so that context tells something; every class
occurs, and common ones far more often than rare ones. Seven objects an image on average, as in COCO.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.coco.normalize import annotation_table, make_table

WIDTH, HEIGHT = 640, 480
OBJECTS_AN_IMAGE = 7
CLASSES_OF_A_TYPE = 12
OUT_OF_PLACE = 0.1  # share of the objects whose class is any


def made_up(images: int, classes: int, seed: int = 0) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return annotations, images and categories, as `tables` has them."""
    rng = np.random.default_rng([seed, images, classes])
    types = max(4, classes // 8)
    of_type = np.stack([np.random.default_rng(t).permutation(classes)[:CLASSES_OF_A_TYPE] for t in range(types)])
    image_ids = np.arange(1, images + 1)
    image_id = np.repeat(image_ids, 1 + rng.poisson(OBJECTS_AN_IMAGE - 1, images))
    n = len(image_id)
    kind = rng.integers(0, types, images + 1)[image_id]
    falling = 1 / np.arange(1, CLASSES_OF_A_TYPE + 1)
    column = of_type[kind, rng.choice(CLASSES_OF_A_TYPE, n, p=falling / falling.sum())]
    anywhere = rng.random(n) < OUT_OF_PLACE
    column[anywhere] = rng.integers(0, classes, anywhere.sum())
    # A class has its usual size and height in the image.
    size = np.exp(np.random.default_rng(1).normal(-1.5, 0.6, classes))[column] * np.exp(rng.normal(0, 0.3, (2, n)))
    width, height = np.clip(size[0], 0.01, 0.9) * WIDTH, np.clip(size[1], 0.01, 0.9) * HEIGHT
    x, y = rng.random(n) * (WIDTH - width), rng.random(n) * (HEIGHT - height)
    box = np.stack([x, y, width, height]).astype(np.float32)
    annotations = annotation_table(
        image_id, (column + 1).astype(np.int32), box, box[2] * box[3], np.zeros(n, bool), np.arange(1, n + 1), None
    )
    empty = [""] * images
    files = [f"{i:012}.jpg" for i in image_ids]
    sizes = np.full(images, WIDTH), np.full(images, HEIGHT)
    names = [f"class {c:04}" for c in range(1, classes + 1)]
    return (
        annotations,
        make_table(tables.IMAGES, image_ids, files, *sizes, empty, empty, None),
        make_table(tables.CATEGORIES, np.arange(1, classes + 1), names, [""] * classes, None),
    )


def write_tables(folder: Path, split: str, images: int, classes: int, seed: int = 0) -> None:
    """Write the three tables where the workflow has them."""
    schemas = {"annotations": tables.ANNOTATIONS, "images": tables.IMAGES, "categories": tables.CATEGORIES}
    for (name, schema), table in zip(schemas.items(), made_up(images, classes, seed), strict=True):
        tables.write_table(table, schema, folder / name / f"{split}.parquet")


def write_json(path: Path, images: int, classes: int, seed: int = 0, outline: int = 0) -> None:
    """Write an instances file of COCO, each object with an outline of so many points."""
    annotations, pictures, categories = (table.to_pydict() for table in made_up(images, classes, seed))
    points = (np.random.default_rng(seed).random((len(annotations["x"]), 2 * outline)) * WIDTH).round(2).tolist()
    sides = zip(*(np.round(annotations[side], 2).tolist() for side in ("x", "y", "width", "height")), strict=True)
    rest = zip(annotations["annotation_id"], annotations["image_id"], annotations["category_id"], strict=True)
    objects = [
        {"segmentation": [outlined] if outline else [], "area": box[2] * box[3], "iscrowd": 0, "image_id": image,
         "bbox": box, "category_id": category, "id": number}
        for outlined, box, (number, image, category) in zip(points, map(list, sides), rest, strict=True)
    ]  # fmt: skip
    named = zip(pictures["image_id"], pictures["file_name"], strict=True)
    content = {
        "images": [{"id": i, "file_name": f, "coco_url": "", "width": WIDTH, "height": HEIGHT} for i, f in named],
        "annotations": objects,
        "categories": [
            {"id": i, "name": name} for i, name in zip(categories["category_id"], categories["name"], strict=True)
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
