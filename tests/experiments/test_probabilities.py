"""Pseudo-likelihood, calibration and paired differences by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments import probabilities
from contextual_anomaly.experiments.differences import compare_models
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.stats.bootstrap import Bootstrap


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.001, 0.999, (400, 7))
    presence = (rng.random((400, 7)) < probability).astype(float)
    return np.log(probability / (1 - probability)), probability, presence


def test_the_figures_are_those_of_scikit_learn(answers):
    odds, probability, presence = answers
    known = Calibration(np.sort(odds[presence > 0]), np.sort(odds[presence == 0])[-50:], int((presence == 0).sum()))
    found = {m.metric: m for m in probabilities.measure(odds, presence, known, 0, Bootstrap(400, 50, 0))}
    assert found["pseudo_log_likelihood"].value == pytest.approx(-7 * log_loss(presence.ravel(), probability.ravel()))
    assert found["brier_score"].value == pytest.approx(brier_score_loss(presence.ravel(), probability.ravel()))
    # Calibrated on the same scenes that are measured: the rates are those asked for, but for one in a thousand.
    for rate in probabilities.RATES["unexpected"]:
        assert found[f"unexpected_rate_at_{rate:g}"].value == pytest.approx(rate, abs=2e-3)
    for metric in ("pseudo_log_likelihood", "brier_score"):
        assert found[metric].low < found[metric].value < found[metric].high


def test_true_probabilities_are_calibrated_and_others_are_not(answers):
    odds, probability, presence = answers
    good = probabilities.calibration_curve(odds, presence)
    assert good["pairs"].sum() == presence.size
    assert (good["probability"].between(good["low"], good["high"])).all()
    error = probabilities.calibration_error(good)
    wrong = probabilities.calibration_error(probabilities.calibration_curve(odds + 2, presence))
    assert error < 0.03
    # Every probability is off by what the shift of its log-odds makes of it.
    assert wrong == pytest.approx(np.abs(1 / (1 + np.exp(-odds - 2)) - probability).mean(), abs=0.03)


def test_differences_are_paired(answers):
    """Model b finds what a finds and one image in ten more: a small difference that is sure."""
    rng = np.random.default_rng(1)
    image = np.repeat(np.arange(200), 3)
    rank = rng.integers(1, 4, 600)
    better = np.where(image % 10 == 0, 1, rank)
    ranks = {
        name: pd.DataFrame({"experiment": "remove", "image_id": 7 * image, "category_id": 1, "rank": values})
        for name, values in (("a", rank), ("b", better))
    }
    found = compare_models(ranks, "a", n_resamples=500).set_index("metric")
    gain = (better == 1).mean() - (rank == 1).mean()
    row = found.loc["recall_at_1"]
    assert row["difference"] == pytest.approx(gain)
    assert 0 < row["low"] < gain < row["high"] < 0.15
    assert found.loc["mean_reciprocal_rank", "difference"] == pytest.approx((1 / better).mean() - (1 / rank).mean())


def test_models_with_other_trials_are_not_compared():
    trials = pd.DataFrame({"experiment": "remove", "image_id": [1, 2], "category_id": 1, "rank": 1})
    with pytest.raises(UserError, match=r"b has 1 trials, a has 2: run both again"):
        compare_models({"a": trials, "b": trials[:1]}, "a")
    with pytest.raises(UserError, match="b has other trials than a"):
        compare_models({"a": trials, "b": trials.assign(image_id=[1, 3])}, "a")
    with pytest.raises(UserError, match="'c' is not among the models a, b"):
        compare_models({"a": trials, "b": trials}, "c")
