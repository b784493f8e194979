"""The typed-in figures against the authors' own files, where those are at hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.models.base import Variant
from contextual_anomaly.report.reproduction.anomaly_lists import CODE, LIST, AnomalyLists
from contextual_anomaly.report.reproduction.comparison import (
    beside_published,
    most_beside_published,
    shape_of_rescoring,
)
from contextual_anomaly.report.reproduction.published_anomalies import MISSING, UNEXPECTED
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1, EXPERIMENT_2, MOST
from contextual_anomaly.scenes import Scenes
from tests.conftest import SHARED


@pytest.fixture
def published():
    folder = SHARED / "published"
    if not folder.is_dir():
        pytest.skip("the published results (../shared/published) are not here")
    return folder


def test_experiment_1(published):
    table = pd.read_csv(published / "experiment1.csv")
    groups = table.groupby(["experiment", "bottleneck"])
    assert len(groups) == sum(len(figures) for figures in EXPERIMENT_1.values())
    for (experiment, bottleneck), rows in groups:
        mean, std, trials = EXPERIMENT_1[experiment][bottleneck]
        assert mean == pytest.approx(rows["accuracy_percent"].mean(), abs=0.005)
        assert std == pytest.approx(rows["accuracy_percent"].std(ddof=0), abs=0.005)
        assert trials == pytest.approx(rows["trials"].mean(), abs=0.05)


def test_the_others(published):
    most = pd.read_csv(published / "most_anomalous.csv").set_index("experiment")["value"]
    assert {name: pytest.approx(value / 100) for name, value in MOST.items()} == most.rename(
        {"remove_most_missing": "remove_most"}
    ).to_dict()
    curve = pd.read_csv(published / "experiment2.csv").set_index("threshold")
    assert {t: tuple(row) for t, row in curve.iterrows()} == EXPERIMENT_2


def test_differences_are_in_published_standard_deviations():
    rows = [
        {
            "model": "published",
            "metric": "found",
            "experiment": "inject_any",
            "bottleneck": 10,
            "value": v,
            "trials": 100,
        }
        for v in (0.75, 0.77)
    ]
    table = beside_published(pd.DataFrame(rows), "published")
    mean, std, _ = EXPERIMENT_1["inject_any"][10]
    assert len(table) == 1
    assert table["ours"].iloc[0] == pytest.approx(76)
    assert table["difference"].iloc[0] == pytest.approx((76 - mean) / std)
    # Two seeds one per cent from their mean: variance 2.
    assert table["of_both"].iloc[0] == pytest.approx((76 - mean) / (std**2 + 2) ** 0.5)


def test_the_list_of_anomalies(published):
    table = pd.read_csv(published / "anomalies_val2017.csv").set_index(["image_id", "kind", "category"])["probability"]
    ours = {
        (image, kind, category): expected
        for kind, lists in (("unexpected", UNEXPECTED), ("missing", MISSING))
        for category, images in lists.items()
        for image, expected in images.items()
    }
    assert ours == table.to_dict()
    assert len(ours) == len(table) == 204


def test_the_list_was_made_with_other_thresholds_than_the_codes():
    """Nothing lies between the thresholds that the report says made the list, though the code's would let it."""
    unexpected, missing = ([e for images in lists.values() for e in images.values()] for lists in (UNEXPECTED, MISSING))
    assert max(unexpected) < LIST.unexpected_below < CODE.unexpected_below
    assert min(missing) > LIST.missing_above > CODE.missing_above


@pytest.fixture
def lists() -> AnomalyLists:
    """An image with an airplane published as unexpected, and one with nothing; three seeds of ten units, one of nine."""
    image = next(iter(UNEXPECTED["airplane"]))
    scenes = Scenes(np.array([5, image]), np.array([[0, 1], [1, 0]], np.uint16), ("airplane", "x"), (1, 2), "coco")
    of_airplane = np.array([0.9, 0.0001, 0.0009, 0.002])
    model = SimpleNamespace(
        variants=(Variant(9, 0), Variant(10, 0), Variant(10, 1), Variant(10, 2)),
        predict_proba=lambda x: np.stack([np.where(x > 0, e, 0.5) for e in of_airplane]),
    )
    return AnomalyLists.of(model, scenes, 10)


def test_flags_are_counted_over_the_weight_seeds_of_that_size(lists):
    row = lists.each(LIST).iloc[0]
    assert (row["category"], row["kind"], row["output"], row["flagged_by"]) == ("airplane", "unexpected", 0.0009, 2)
    assert row["published"] == UNEXPECTED["airplane"][row["image_id"]] == 4.6e-05
    odds = np.log([p / (1 - p) for p in (0.0001, 0.0009, 0.002)])
    theirs = np.log(4.6e-05 / (1 - 4.6e-05))
    assert row["difference"] == pytest.approx((odds.mean() - theirs) / odds.std(ddof=1))


def test_the_lists_are_compared_at_both_thresholds(lists):
    # Airplane is flagged by two of three seeds, and so is x in the other image, which nobody published.
    at_list = lists.counts(LIST).set_index("kind").loc["both"]
    assert (at_list["published"], at_list["by_one"], at_list["by_all"]) == (1, 1, 0)
    assert at_list["ours"] == pytest.approx(4 / 3)
    assert at_list["found"] == pytest.approx(2 / 3)
    # Of two seeds' flags the other has all or none: (1 + 0 + 1 + 0 + 0 + 0) / 6, the last two of an empty list.
    assert at_list["other_seed"] == pytest.approx(2 / 6)
    assert lists.counts(CODE).set_index("kind").loc["both", ["found", "by_all", "other_seed"]].tolist() == [1, 1, 1]


def test_missing_is_above_its_threshold():
    category, images = next(iter(MISSING.items()))
    scenes = Scenes(np.array(list(images)), np.zeros((len(images), 1), np.uint16), (category,), (1,), "coco")
    model = SimpleNamespace(variants=(Variant(10, 0),), predict_proba=lambda x: np.full((1, *x.shape), 0.86))
    lists = AnomalyLists.of(model, scenes, 10)
    assert lists.each(LIST)["flagged_by"].tolist() == [0] * len(images)
    assert lists.each(CODE)["flagged_by"].tolist() == [1] * len(images)
    assert lists.each(CODE)["difference"].isna().all()  # one seed has no spread


def test_most_is_in_standard_deviations_of_seeds_and_draws():
    rows = [
        {
            "model": "published",
            "metric": "found",
            "experiment": "remove_most",
            "bottleneck": 10,
            "value": v,
            "std": 0.01,
        }
        for v in (0.17, 0.19)
    ]
    table = most_beside_published(pd.DataFrame(rows), "published")
    assert table["ours_std"].iloc[0] == pytest.approx(2**0.5)
    assert table["difference"].iloc[0] == pytest.approx((18 - 16.5) / (2 + 1) ** 0.5)


def test_the_shape_of_experiment_2_has_the_thresholds_of_both():
    rows = [(0.25, "detector", 0.8), (0.25, "gate", 0.9), (0.33, "detector", 0.8), (0.33, "gate", 0.8)]
    table = pd.DataFrame(rows, columns=["threshold", "method", "precision"])
    table = table.assign(
        precision_gain_same_threshold=[None, 0.1, None, 0.0],
        precision_gain_same_threshold_low=0.05,
        precision_gain_same_threshold_high=0.05 + 2 * 1.959964 * 0.02,
    )
    table = shape_of_rescoring(table)
    assert table["threshold"].tolist() == [0.25]
    assert table["precision_gain_same_threshold"].iloc[0] == pytest.approx(0.1)
    assert table["published_gain"].iloc[0] == pytest.approx(0.925 - 0.889)
    assert table["difference"].iloc[0] == pytest.approx((0.1 - 0.036) / 0.02)
