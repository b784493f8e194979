"""The listing, on a hand-made case; test_coco.py has the published list."""

import numpy as np
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.anomalies import Rates, Thresholds, as_table, as_text, attributions_table, list_anomalies
from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.linear import Linear
from contextual_anomaly.scenes import Scenes

LIMITS = Thresholds(unexpected_below=0.01, missing_above=0.85)
CLASSES = ("fork", "knife", "laptop", "surfboard")


# Of 99 genuine objects one is expected 0.003 or less, 10 up to 0.01; of 1,000 absent classes 9 are expected 0.95 or more.
CALIBRATION = Calibration(
    present=np.log(np.repeat([0.003, 0.01, 0.5], [1, 9, 89]) / (1 - np.repeat([0.003, 0.01, 0.5], [1, 9, 89]))) + 1e-3,
    absent=np.log(np.repeat([0.85, 0.95], [41, 9]) / (1 - np.repeat([0.85, 0.95], [41, 9]))),
    absent_count=999,
)


class Told(Conditional):
    """Answers that the test gives; those of other scenes, which explanations ask for, are those of the first."""

    name, variants, classes = "m", (Variant(),), CLASSES

    def __init__(self, expected):
        self.odds = np.log(np.maximum(expected, 1e-6)) - np.log1p(-expected)

    def log_odds(self, evidence, geometry=None):
        return self.odds[None] if len(evidence) == len(self.odds) else np.repeat(self.odds[:1], len(evidence), 0)[None]


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
    model = Told(expected)
    rows = [
        [11, 12, 13],
        ["11.jpg", "12.jpg", "13.jpg"],
        [640] * 3,
        [480] * 3,
        ["http://x/11.jpg", "", ""],
        [""] * 3,
        [None] * 3,
    ]
    return model, CALIBRATION, scenes, pa.table(rows, schema=tables.IMAGES)


def test_what_contradicts_its_expectation_is_listed_by_surprise(kitchen):
    listing, _ = list_anomalies(kitchen[0], 0, *kitchen[1:], LIMITS)
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


def test_a_class_that_was_not_looked_for_is_not_missing(kitchen):
    """As in LVIS and Open Images; what is there may be unexpected all the same."""
    knife = list(CLASSES).index("knife")
    checked = np.zeros((3, 4), bool)
    checked[2, knife] = True
    listing, _ = list_anomalies(kitchen[0], 0, *kitchen[1:], LIMITS, checked=checked)
    assert listing[["image_id", "category", "kind"]].to_numpy().tolist() == [
        [11, "surfboard", "unexpected"],
        [12, "laptop", "unexpected"],
        [13, "knife", "missing"],
    ]


def test_thresholds_are_exclusive_and_may_leave_nothing(kitchen):
    model, known, scenes, images = kitchen
    listing, _ = list_anomalies(model, 0, known, scenes, images, Thresholds(unexpected_below=0.0, missing_above=1.0))
    assert listing.empty
    assert as_table(listing).schema == tables.ANOMALIES
    assert "Nothing is unexpected" in as_text(listing, scenes, "heading")


def test_the_text_shows_each_image_once(kitchen):
    listing, _ = list_anomalies(kitchen[0], 0, *kitchen[1:], LIMITS)
    assert as_text(listing, kitchen[2], "heading").splitlines() == [
        "heading",
        "",
        "image 11  11.jpg  https://cocodataset.org/#explore?id=11",
        "  shows: fork, surfboard",
        "  unexpected: surfboard (probability 0.0030)",
        "  missing: knife (probability 0.9600)",
        "",
        "image 12  12.jpg",
        "  shows: fork, knife, laptop",
        "  unexpected: laptop (probability 0.0090)",
        "",
        "image 13  13.jpg",
        "  shows: laptop, surfboard",
        "  missing: knife (probability 0.8600)",
    ]


def test_an_id_that_was_text_is_given_back(kitchen):
    model, known, scenes, images = kitchen
    originals = pa.array(["kitchen_a", None, None], pa.string())
    images = images.set_column(images.schema.get_field_index("original_id"), "original_id", originals)
    listing, _ = list_anomalies(model, 0, known, scenes, images, LIMITS)
    assert as_table(listing)["original_id"].to_pylist() == ["kitchen_a", None, "kitchen_a", None]
    text = as_text(listing, scenes, "heading")
    assert "image kitchen_a  11.jpg" in text
    assert "image 12  12.jpg" in text


def test_rates_flag_what_looks_as_odd_as_few_genuine_cases(kitchen):
    """(1 + as odd) / (1 + all): surfboard 1/100, laptop 2/100; knife of image 11 1/1000, of image 13 10/1000."""
    listing, _ = list_anomalies(kitchen[0], 0, *kitchen[1:], Rates(unexpected=0.02, missing=0.009))
    assert listing[["image_id", "category", "p_value"]].to_numpy().tolist() == [
        [11, "surfboard", pytest.approx(0.01)],
        [12, "laptop", pytest.approx(0.02)],
        [11, "knife", pytest.approx(0.001)],
    ]
    few, _ = list_anomalies(kitchen[0], 0, *kitchen[1:], Rates(unexpected=0.015, missing=0.0001))
    assert few["category"].tolist() == ["surfboard"]


def test_the_reasons_of_a_flag_add_up_to_its_log_odds(kitchen):
    _, known, scenes, images = kitchen
    weights = np.random.default_rng(0).normal(size=(4, 4)) * 3
    np.fill_diagonal(weights, 0)
    model = Linear("pairwise", "m", CLASSES, np.array([-2.0, 0, 1, -3]), weights)
    listing, reasons = list_anomalies(model, 0, known, scenes, images, Thresholds(0.4, 0.6))
    table = attributions_table(listing, reasons, CLASSES).to_pandas()
    total = table.groupby(["image_id", "category"])["attribution"].sum()
    assert len(total) == len(listing) > 2
    for flag in listing.itertuples():
        odds = np.log(flag.probability / (1 - flag.probability))
        assert total[flag.image_id, flag.category] == pytest.approx(odds, abs=1e-3)
    assert table["given"].iloc[0] == "(base)"
