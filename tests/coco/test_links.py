"""Only COCO's own images are linked to COCO."""

import pytest

from contextual_anomaly.coco.links import EXPLORE, explorer_links

COCO = [
    "http://images.cocodataset.org/val2017/000000000139.jpg",
    "https://s3.amazonaws.com/images.cocodataset.org/val2017/000000000139.jpg",
    "http://mscoco.org/images/139",
]
OTHERS = [
    "",
    "javascript:alert(1)//images.cocodataset.org",
    "http://images.cocodataset.org@evil.example/1.jpg",
    "http://images.cocodataset.org.evil.example/1.jpg",
    "http://evil.example/images.cocodataset.org/1.jpg",
    "file://images.cocodataset.org/etc/passwd",
    "http://[bad",
    "my-own-folder/1.jpg",
]


@pytest.mark.parametrize("url", COCO)
def test_cocos_images_are_linked(url):
    assert explorer_links([139], [url]) == [f"{EXPLORE}139"]


@pytest.mark.parametrize("url", OTHERS)
def test_others_are_not(url):
    assert explorer_links([139], [url]) == [""]
