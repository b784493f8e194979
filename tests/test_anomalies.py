"""The listing, on a hand-made case; tests/experiments/test_coco.py has the published list."""

import numpy as np
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.anomalies import Rates, Thresholds, as_text, list_anomalies
from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.linear import Linear
from contextual_anomaly.scenes import Scenes

LIMITS = Thresholds(unexpected_below=0.01, missing_above=0.85)
CLASSES = ("fork", "knife", "laptop", "surfboard")


# Of 99 genuine objects one has a probability of 0.003 or less, 10 up to 0.01; of 999 absent classes 9 of 0.95 or more.
CALIBRATION = Calibration(
    present=np.log(np.repeat([0.003, 0.01, 0.5], [1, 9, 89]) / (1 - np.repeat([0.003, 0.01, 0.5], [1, 9, 89]))) + 1e-3,
    absent=np.log(np.repeat([0.85, 0.95], [41, 9]) / (1 - np.repeat([0.85, 0.95], [41, 9]))),
    absent_count=999,
)


class Fixed(Conditional):
    """Fixed probabilities of the first scenes; those of other scenes, which explanations need, are those of the first."""

    family, name, variants, classes = "fixed", "m", (Variant(),), CLASSES

    def __init__(self, expected):
        self.fixed = np.log(np.maximum(expected, 1e-6)) - np.log1p(-expected)

    def log_odds(self, presence, geometry=None):
        rows = np.arange(len(presence)) if len(presence) == len(self.fixed) else np.zeros(len(presence), int)
        return self.fixed[None, rows].astype(np.float32)

    def state(self):
        return {}, {}


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
    model = Fixed(expected)
    rows = [
        [11, 12, 13],
        ["11.jpg", "12.jpg", "13.jpg"],
        [640] * 3,
        [480] * 3,
        ["http://images.cocodataset.org/val2017/11.jpg", "", ""],
        [""] * 3,
        [None] * 3,
    ]
    return model, scenes, pa.table(rows, schema=tables.IMAGES)


def listed(kitchen, limits):
    model, scenes, images = kitchen
    return list_anomalies(model, scenes, CALIBRATION, limits, images=images)


def test_anomalies_are_listed_by_surprise(kitchen):
    listing = listed(kitchen, LIMITS).table
    assert listing[["image_id", "category", "kind"]].to_numpy().tolist() == [
        [11, "surfboard", "unexpected"],  # 0.003
        [12, "laptop", "unexpected"],  # 0.009
        [11, "knife", "missing"],  # 1 - 0.96
        [13, "knife", "missing"],  # 1 - 0.86
    ]
    link = "https://cocodataset.org/#explore?id=11"
    assert listing["link"].tolist() == [link, "", link, ""]
    assert listing["file_name"].tolist() == ["11.jpg", "12.jpg", "11.jpg", "13.jpg"]
    assert listed(kitchen, LIMITS).to_arrow().schema == tables.ANOMALIES


def test_a_class_that_was_not_looked_for_is_not_missing(kitchen):
    """As in LVIS and Open Images; what is there may be unexpected all the same."""
    knife = list(CLASSES).index("knife")
    checked = np.zeros((3, 4), bool)
    checked[2, knife] = True
    listing = list_anomalies(kitchen[0], kitchen[1], CALIBRATION, LIMITS, checked=checked).table
    assert listing[["image_id", "category", "kind"]].to_numpy().tolist() == [
        [11, "surfboard", "unexpected"],
        [12, "laptop", "unexpected"],
        [13, "knife", "missing"],
    ]


def test_thresholds_are_exclusive_and_may_leave_nothing(kitchen):
    listing = listed(kitchen, Thresholds(unexpected_below=0.0, missing_above=1.0))
    assert listing.table.empty
    assert listing.to_arrow().schema == tables.ANOMALIES
    assert listing.attributions().schema == tables.ATTRIBUTIONS
    assert "Nothing is unexpected" in as_text(listing.table, kitchen[1], "heading")


def test_the_text_shows_each_image_once(kitchen):
    assert as_text(listed(kitchen, LIMITS).table, kitchen[1], "heading").splitlines() == [
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
    model, scenes, images = kitchen
    originals = pa.array(["kitchen_a", None, None], pa.string())
    images = images.set_column(images.schema.get_field_index("original_id"), "original_id", originals)
    listing = listed((model, scenes, images), LIMITS)
    assert listing.to_arrow()["original_id"].to_pylist() == ["kitchen_a", None, "kitchen_a", None]
    text = as_text(listing.table, scenes, "heading")
    assert "image kitchen_a  11.jpg" in text
    assert "image 12  12.jpg" in text


def test_rates_list_what_is_as_unusual_as_few_genuine_cases(kitchen):
    """(1 + as unusual) / (1 + all): surfboard 1/100, laptop 2/100; knife of image 11 1/1000, of image 13 10/1000."""
    listing = listed(kitchen, Rates(unexpected=0.02, missing=0.009)).table
    assert listing[["image_id", "category", "p_value"]].to_numpy().tolist() == [
        [11, "surfboard", pytest.approx(0.01)],
        [12, "laptop", pytest.approx(0.02)],
        [11, "knife", pytest.approx(0.001)],
    ]
    few = listed(kitchen, Rates(unexpected=0.015, missing=0.0001)).table
    assert few["category"].tolist() == ["surfboard"]


def test_without_images_there_are_no_names_and_links(kitchen):
    with_images = listed(kitchen, LIMITS).table
    without = list_anomalies(kitchen[0], kitchen[1], CALIBRATION, LIMITS).table
    assert set(without["file_name"]) == set(without["link"]) == {""}
    both = ["image_id", "category", "kind", "probability", "p_value", "explanation"]
    assert without[both].equals(with_images[both])


def test_the_attributions_of_an_anomaly_add_up_to_its_log_odds(kitchen):
    _, scenes, images = kitchen
    weights = np.random.default_rng(0).normal(size=(4, 4)) * 3
    np.fill_diagonal(weights, 0)
    model = Linear("pairwise", "m", CLASSES, np.array([-2.0, 0, 1, -3]), weights)
    listing = list_anomalies(model, scenes, CALIBRATION, Thresholds(0.4, 0.6), images=images)
    table = listing.attributions().to_pandas()
    total = table.groupby(["image_id", "category"])["attribution"].sum()
    assert len(total) == len(listing.table) > 2
    for anomaly in listing.table.itertuples():
        log_odds = np.log(anomaly.probability / (1 - anomaly.probability))
        assert total[anomaly.image_id, anomaly.category] == pytest.approx(log_odds, abs=1e-3)
    assert table["given"].iloc[0] == "(base)"
