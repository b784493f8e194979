"""The ensemble's weights: those of logistic regression where there are many scenes, the mean where there are few."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families import ensemble
from contextual_anomaly.models.linear import Linear
from contextual_anomaly.scenes import Scenes

CLASSES = tuple("abcdef")


def estimator(name: str, seed: int) -> Linear:
    """Return a model of random pairs of classes."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 1, (6, 6)) * (1 - np.eye(6))
    return Linear("ease", name, CLASSES, rng.normal(-1, 0.3, 6), weights)


def stacked(images: int) -> tuple[ensemble.Ensemble, TrainingData]:
    """Return an ensemble of two, the first of which is nearer the truth, and what it was fitted on."""
    rng = np.random.default_rng(0)
    parts = [estimator("first", 1), estimator("second", 2)]
    presence = rng.random((images, 6)) < 0.4
    log_odds = 0.9 * parts[0].log_odds(presence)[0] + 0.3 * parts[1].log_odds(presence)[0] + 0.5
    # Each class anew, given the others as they were: enough for a regression, whose inputs are those of the models.
    drawn = rng.random(presence.shape) < expit(log_odds)
    one = rng.integers(6, size=images)
    presence[np.arange(images), one] = drawn[np.arange(images), one]
    data = TrainingData(Scenes(np.arange(images), presence.astype(np.uint16), CLASSES, tuple(range(6)), "made up"))
    data = TrainingData(data.scenes, None, parts)
    settings = ensemble.Settings(family="ensemble", estimators=["first", "second"])
    return ensemble.fit(data, "both", settings, 1).model, data


def test_of_many_scenes_the_weights_are_those_of_logistic_regression():
    model, data = stacked(100_000)
    presence = data.held_out_presence
    inputs = np.stack([part.log_odds(presence)[0].ravel() for part in data.estimators], axis=1)
    plain = LogisticRegression(C=np.inf, tol=1e-8).fit(inputs, presence.ravel() > 0)
    assert model.weights == pytest.approx(plain.coef_[0], abs=0.002)
    assert float(model.bias) == pytest.approx(plain.intercept_[0], abs=0.002)
    assert abs(model.weights - 0.5).max() > 0.1


def test_of_few_scenes_the_estimators_count_nearly_alike():
    model, data = stacked(20)
    presence = data.held_out_presence
    inputs = np.stack([part.log_odds(presence)[0].ravel() for part in data.estimators], axis=1)
    plain = LogisticRegression(C=np.inf).fit(inputs, presence.ravel() > 0)
    distance = abs(model.weights - 0.5).max()
    assert distance < 0.35
    assert distance < abs(plain.coef_[0] - 0.5).max() / 2


def test_equal_weights_give_the_mean_of_the_log_odds():
    _, data = stacked(1_000)
    settings = ensemble.Settings(family="ensemble", estimators=["first", "second"], weights="equal")
    model = ensemble.fit(data, "both", settings, 1).model
    mean = np.mean([part.log_odds(data.held_out_presence)[0] for part in data.estimators], axis=0)
    np.testing.assert_allclose(model.log_odds(data.held_out_presence)[0], mean, atol=1e-5)
