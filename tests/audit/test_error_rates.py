"""Regressions with wrong annotations against what the data were made with."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from contextual_anomaly.audit.error_rates import (
    ErrorPrior,
    fit_conditional_logit,
    fit_logistic,
    probability_overlooked,
    probability_wrong,
)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_the_conditional_logit_finds_weights_and_share_of_errors_and_its_probabilities_hold(rate):
    rng = np.random.default_rng(0)
    size, classes = 8000, 6
    wrong_label = np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    features = rng.normal(0, 1, (size, classes, 2)) * [3.0, 1.0]
    right = softmax(features @ [1.5, -1.0], axis=1)
    given = (right.cumsum(1) > rng.random((size, 1))).argmax(1)
    truth = given.copy()
    noisy = rng.random(size) < rate
    given[noisy] = rng.choice(classes, noisy.sum(), p=wrong_label)
    weights, error = fit_conditional_logit(features, given, wrong_label, np.zeros(2), ErrorPrior(0.02))
    assert weights == pytest.approx([1.5, -1.0], rel=0.06)
    assert error == pytest.approx(rate, abs=0.012)
    own = softmax(features @ weights, axis=1)[np.arange(size), given]
    probability = probability_wrong(own, wrong_label[given], error)
    assert probability.mean() == pytest.approx((given != truth).mean(), abs=0.01)
    if rate:
        likely = probability > 0.5
        assert (given != truth)[likely].mean() == pytest.approx(probability[likely].mean(), abs=0.06)


def test_the_logistic_regression_finds_how_many_objects_are_overlooked():
    rng = np.random.default_rng(1)
    features = np.column_stack([np.ones(20_000), rng.normal(0, 3, 20_000)])
    there = rng.random(20_000) < expit(features @ [0.5, 1.5])
    annotated = there & (rng.random(20_000) > 0.06)
    weights, error = fit_logistic(features, annotated, np.ones(20_000), np.zeros(2), ErrorPrior(0.02))
    assert weights == pytest.approx([0.5, 1.5], abs=0.08)
    assert error == pytest.approx(0.06, abs=0.01)
    absent = ~annotated
    probability = probability_overlooked(expit(features @ weights), 1.0, error)
    likely = absent & (probability > 0.5)
    assert there[likely].mean() == pytest.approx(probability[likely].mean(), abs=0.06)
    assert there[absent].mean() == pytest.approx(probability[absent].mean(), abs=0.01)


def test_bayes_rule_by_hand():
    # One label in a hundred is wrong, and a wrong one is this class in one case of ten.
    assert probability_wrong(np.array([0.5]), np.array([0.1]), 0.01) == pytest.approx(0.0005 / (0.0005 + 0.495))
    assert probability_wrong(np.array([0.0]), np.array([0.1]), 0.01) == 1
    # Present in 9 of 10 such images, and forgotten in 1 of 100: of 1,090 there and 100 not there … 9 to 100.
    assert probability_overlooked(np.array([0.9]), 1.0, 0.01) == pytest.approx(0.009 / (0.009 + 0.1))


def test_without_data_the_prior_speaks():
    weights, error = fit_logistic(np.zeros((0, 1)), np.zeros(0, bool), np.zeros(0), np.ones(1), ErrorPrior(0.03))
    assert weights == pytest.approx([1.0])
    assert error == pytest.approx(0.03, rel=0.01)
