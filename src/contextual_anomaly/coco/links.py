"""Where a person can look at an image."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from contextual_anomaly.array_types import Int

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EXPLORE = "https://cocodataset.org/#explore?id="
"""COCO's explorer; an image id follows. For images with a COCO address only."""

COCO_HOSTS = ("images.cocodataset.org", "mscoco.org")
COCO_BUCKET = "https://s3.amazonaws.com/images.cocodataset.org/"


def is_coco_address(url: str) -> bool:
    """Return whether a `coco_url` is an address of COCO's own images."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return url.startswith(COCO_BUCKET) or (parts.scheme in ("http", "https") and parts.netloc.lower() in COCO_HOSTS)


def explorer_links(image_ids: Iterable[int], urls: Iterable[str]) -> list[str]:
    """Return for each image the address of its page in COCO's explorer; "" where its `coco_url` is not COCO's.

    An address that some other file gives as `coco_url` is no link anywhere: it could lead to any place.

    Args:
        image_ids: Ids of N images.
        urls: Their `coco_url`, "" where there is none.
    """
    return [f"{EXPLORE}{image}" if is_coco_address(url) else "" for image, url in zip(image_ids, urls, strict=True)]


def ways_to_images(images: "pa.Table", image_ids: Int[np.ndarray, " n"]) -> "pd.DataFrame":
    """Return how a person finds images.

    Args:
        images: `tables.IMAGES`.
        image_ids: [n], each as often as it is there; of an image that is not in the table nothing is known.

    Returns:
        n rows with the index image_id and the columns file_name and link, "" where there is none, and original_id, None
        where there is none.
    """
    about = images.select(["image_id", "file_name", "coco_url", "original_id"]).to_pandas().set_index("image_id")
    about = about.reindex(image_ids)
    original = about["original_id"].astype(object)
    return about.assign(
        file_name=about["file_name"].fillna(""),
        link=explorer_links(about.index, about["coco_url"].fillna("")),
        original_id=original.where(original.notna(), None),
    ).drop(columns="coco_url")
