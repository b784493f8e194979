"""The oddest objects: those whose class is least likely where they stand, compared with how common it is."""

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.array_types import Float
from contextual_anomaly.coco.links import ways_to_images
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.boxes import BOX

LISTED = 500
"""Objects that are listed, so that a report with the photographs of a few images finds some of them."""


def list_odd_objects(
    log_probability: Float[np.ndarray, "K A"],
    log_frequency: Float[np.ndarray, " A"],
    objects: SceneObjects,
    annotations: pa.Table,
    images: pa.Table,
    count: int | None = LISTED,
) -> pd.DataFrame:
    """Return the objects whose class is less likely than it is common, and less likely than another one.

    They are ranked by log P(class) - log P(class | what the model knows), the largest first, and equal ones in the order of
    the annotations. Crowds are left out: their boxes enclose many objects.

    Args:
        log_probability: [K, A] log P(class of an object), as a model gives it.
        log_frequency: [A] log P(class): how common each class is.
        objects: K objects of A classes.
        annotations: `tables.ANNOTATIONS`, the K rows of the objects.
        images: `tables.IMAGES`, for file names, and for links of images with a COCO address.
        count: rows at most; None for all.

    Returns:
        Columns of `tables.ODD_OBJECTS`.
    """
    own = log_probability[np.arange(len(objects.column)), objects.column].astype(np.float64)
    likeliest = log_probability.argmax(1)
    odd = log_frequency[objects.column] - own
    rows = np.flatnonzero(~objects.crowd & (odd > 0) & (likeliest != objects.column))
    rows = rows[np.argsort(-odd[rows], kind="stable")][:count]
    names = np.array(objects.classes, object)
    given = annotations.take(rows)
    image_ids = given["image_id"].to_numpy()
    about = ways_to_images(images, image_ids)
    return pd.DataFrame(
        {
            "image_id": image_ids,
            "annotation_id": given["annotation_id"].to_numpy(),
            "category": names[objects.column[rows]],
            "probability": np.exp(own[rows]),
            "times_less_likely": np.exp(odd[rows]),
            "likeliest": names[likeliest[rows]],
            "likeliest_probability": np.exp(log_probability[rows, likeliest[rows]]),
            **dict(zip(BOX, objects.boxes[rows].T, strict=True)),
            "file_name": about["file_name"].to_numpy(),
            "link": about["link"].to_numpy(),
            "original_image_id": about["original_id"].to_numpy(),
            "original_annotation_id": given["original_id"].to_pylist(),
        }
    )
