"""The oddest objects: those whose class is least likely where they stand, compared with how common it is."""

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly.array_types import Float
from contextual_anomaly.coco.links import explorer_links
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
    about = images.select(["image_id", "file_name", "coco_url", "original_id"]).to_pandas()
    about = about.set_index("image_id").reindex(image_ids)
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
            "file_name": about["file_name"].fillna("").to_numpy(),
            "link": explorer_links(image_ids, about["coco_url"].fillna("")),
            "original_image_id": _texts(about["original_id"]),
            "original_annotation_id": _texts(given["original_id"].to_pandas()),
        }
    )


def _texts(column: pd.Series) -> list[str | None]:
    """Return the ids that are text; None of others."""
    return [value if isinstance(value, str) else None for value in column]
