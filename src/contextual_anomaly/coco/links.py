"""Where a person can look at an image."""

from collections.abc import Iterable
from urllib.parse import urlsplit

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
