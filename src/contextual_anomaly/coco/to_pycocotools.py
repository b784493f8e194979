"""Annotations as pycocotools takes them, from tables alone."""

from typing import Any

import numpy as np
import pandas as pd
from pycocotools.coco import COCO


def with_box(annotations: pd.DataFrame) -> pd.DataFrame:
    """The objects that have a box, which are those that a detection can match."""
    return annotations[annotations["width"].notna()]


def numbered(table: pd.DataFrame, image_ids: np.ndarray) -> pd.DataFrame:
    """The rows of ``image_ids`` alone, each image by its number among them: pycocotools takes ids as float64."""
    number = pd.Index(image_ids).get_indexer(pd.Index(table["image_id"]))
    return table.assign(image_id=number)[number >= 0]


def truth_of(annotations: pd.DataFrame, categories: pd.DataFrame, numbers: range) -> COCO:
    """The annotations as pycocotools keeps them."""
    truth = COCO()
    box = annotations[["x", "y", "width", "height"]].to_numpy(np.float64).tolist()
    fields = (annotations[name].tolist() for name in ("image_id", "category_id", "area", "iscrowd"))
    dataset: Any = {  # without file names and supercategories, which pycocotools never looks at
        "info": {},
        "images": [{"id": i} for i in numbers],
        "categories": [
            {"id": i, "name": name} for i, name in zip(categories["category_id"], categories["name"], strict=True)
        ],
        # Ids from one: pycocotools takes a match with id 0 for no match.
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, "bbox": b, "area": area, "iscrowd": int(crowd)}
            for number, (b, image, category, area, crowd) in enumerate(zip(box, *fields, strict=True), 1)
        ],
    }
    truth.dataset = dataset
    truth.createIndex()
    return truth
