"""Gains over the detector are paired, and a better method gets a gain whose interval excludes zero."""

import numpy as np
import pytest

from contextual_anomaly.experiments.rescoring.curves import precision_recall_curves, risk_coverage_curves
from contextual_anomaly.experiments.rescoring.metrics import presence_metrics


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(0)
    annotated = rng.random((60, 8)) < 0.3
    score = np.clip(rng.normal(0.3 + 0.2 * annotated, 0.2), 0, 1)
    methods = {"detector": score, "calibrated": score**2, "fusion": np.clip(score + 0.1 * annotated, 0, 1)}
    return presence_metrics(methods, annotated, [0.2, 0.4], 3, 200, 0), methods, annotated


def test_a_monotone_change_gains_nothing(measured):
    rows = measured[0].query("method == 'calibrated'")
    assert rows[["gain", "gain_low", "gain_high"]].abs().to_numpy().max() < 1e-6


def test_a_better_method_has_a_gain_above_zero(measured):
    rows = measured[0].query("method == 'fusion'").set_index("measure")
    assert (rows.loc[["macro_ap", "micro_ap", "precision"], "gain_low"] > 0).all()
    assert (rows.loc["aurc", "gain_high"] < 0).all()


def test_the_detector_at_its_own_recall_is_itself(measured):
    table, methods, annotated = measured
    rows = table.query("method == 'detector' and measure == 'precision' and images_with == 0").set_index("threshold")
    for threshold in (0.2, 0.4):
        kept = methods["detector"] > threshold
        # The highest threshold of that recall lies at the last correct one, so it is not less precise.
        last = methods["detector"][kept & annotated].min()
        kept = methods["detector"] >= last
        assert rows.loc[threshold, "value"] == pytest.approx((kept & annotated).sum() / kept.sum())


def test_images_of_few_classes_are_also_left_out(measured):
    table, _, annotated = measured
    assert dict(table[["images_with", "images"]].drop_duplicates().to_numpy()) == {
        0: 60,
        3: (annotated.sum(1) >= 3).sum(),
    }


def test_curves_end_where_everything_is_taken(measured):
    _, methods, annotated = measured
    last = precision_recall_curves(methods, annotated).groupby("method").last()
    assert last.loc["fusion", "recall"] == 1
    assert last.loc["detector", "precision"] == pytest.approx(annotated.mean())
    claimed = methods["detector"] > 0.2
    last = risk_coverage_curves(methods, annotated, 0.2).groupby("method").last()
    assert last.loc["fusion", "coverage"] == 1
    assert last.loc["fusion", "risk"] == pytest.approx(1 - annotated[claimed].mean())


def test_a_detector_that_claims_nothing_has_metrics_but_no_risk():
    annotated = np.arange(60).reshape(10, 6) % 5 == 0
    faint = np.full((10, 6), 0.01)
    table = presence_metrics({"detector": faint, "fusion": faint}, annotated, [0.05], 1, 20, 0)
    assert table.loc[table["measure"] == "aurc", ["value", "low", "gain"]].isna().all(axis=None)
    assert table.loc[table["measure"] == "micro_ap", "value"].to_numpy() == pytest.approx(annotated.mean())
    assert len(precision_recall_curves({"detector": faint}, annotated))
    curve = risk_coverage_curves({"detector": faint}, annotated, 0.05)
    assert curve.columns.tolist() == ["method", "coverage", "risk"]
    assert curve.empty
