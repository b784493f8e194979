"""The listing, on a hand-made case; test_coco.py has the published list."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.anomalies import as_table, as_text, list_anomalies
from contextual_anomaly.models.base import Member
from contextual_anomaly.scenes import Scenes

CLASSES = ("fork", "knife", "laptop", "surfboard")


@pytest.fixture
def kitchen():
    scenes = Scenes(
        np.array([11, 12, 13]),
        np.array([[1, 0, 0, 2], [3, 1, 1, 0], [0, 0, 1, 1]], np.uint16),
        CLASSES,
        (48, 49, 73, 42),
        "hand-made",
    )
    expected = np.array([[0.9, 0.96, 0.02, 0.003], [0.8, 0.9, 0.009, 0.0], [0.1, 0.86, 0.5, 0.02]], np.float32)
    model = SimpleNamespace(name="m", members=(Member(),), expected=lambda evidence: expected[None])
    rows = [[11, 12, 13], ["11.jpg", "12.jpg", "13.jpg"], [640] * 3, [480] * 3, ["http://x/11.jpg", "", ""], [""] * 3]
    return model, scenes, pa.table(rows, schema=tables.IMAGES)


def test_what_contradicts_its_expectation_is_listed_by_surprise(kitchen):
    listing = list_anomalies(kitchen[0], 0, *kitchen[1:], missing_above=0.85, unexpected_below=0.01)
    assert listing[["image_id", "category", "kind"]].to_numpy().tolist() == [
        [11, "surfboard", "unexpected"],  # 0.003
        [12, "laptop", "unexpected"],  # 0.009
        [11, "knife", "missing"],  # 1 - 0.96
        [13, "knife", "missing"],  # 1 - 0.86
    ]
    link = "https://cocodataset.org/#explore?id=11"
    assert listing["link"].tolist() == [link, "", link, ""]
    assert listing["file_name"].tolist() == ["11.jpg", "12.jpg", "11.jpg", "13.jpg"]
    assert as_table(listing).schema == tables.ANOMALIES


def test_thresholds_are_exclusive_and_may_leave_nothing(kitchen):
    model, scenes, images = kitchen
    listing = list_anomalies(model, 0, scenes, images, missing_above=1.0, unexpected_below=0.0)
    assert listing.empty
    assert as_table(listing).schema == tables.ANOMALIES
    assert "Nothing is unexpected" in as_text(listing, scenes, "heading")


def test_the_text_shows_each_image_once(kitchen):
    listing = list_anomalies(kitchen[0], 0, *kitchen[1:], missing_above=0.85, unexpected_below=0.01)
    assert as_text(listing, kitchen[1], "heading").splitlines() == [
        "heading",
        "",
        "image 11  11.jpg  https://cocodataset.org/#explore?id=11",
        "  shows: fork, surfboard",
        "  unexpected: surfboard (expected 0.0030)",
        "  missing: knife (expected 0.9600)",
        "",
        "image 12  12.jpg",
        "  shows: fork, knife, laptop",
        "  unexpected: laptop (expected 0.0090)",
        "",
        "image 13  13.jpg",
        "  shows: laptop, surfboard",
        "  missing: knife (expected 0.8600)",
    ]
