"""The typed-in figures against the authors' own files, where those are at hand."""

import pandas as pd
import pytest

from contextual_anomaly.report.published_figures import EXPERIMENT_1, EXPERIMENT_2, MOST
from contextual_anomaly.report.reproduction import beside_published
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
