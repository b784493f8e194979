"""Each fold's model is that of a fit without the fold."""

import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.cross_fitting import cross_fit
from contextual_anomaly.models.families import ensemble, frequency, naive_bayes
from contextual_anomaly.scenes import Scenes


def _scenes(counts):
    classes = tuple("abcd")
    return Scenes(np.arange(len(counts)), counts.astype(np.uint16), classes, (1, 2, 3, 4), "drawn")


def test_a_model_has_not_seen_its_fold():
    counts = np.random.default_rng(0).random((60, 4)) < 0.4
    fold = np.arange(60) % 3
    settings = naive_bayes.Settings(family="naive_bayes")
    models = cross_fit(_scenes(counts), fold, "naive_bayes", settings)
    other = counts.copy()
    other[fold == 1] = ~other[fold == 1]  # what fold 1 holds changes every model but its own
    changed = cross_fit(_scenes(other), fold, "naive_bayes", settings)
    same = [np.array_equal(a.weights, b.weights) for a, b in zip(models, changed, strict=True)]
    assert same == [False, True, False]


def test_what_cannot_be_cross_fitted_is_said():
    scenes = _scenes(np.ones((4, 4)))
    together = ensemble.Settings(family="ensemble", estimators=["a", "b"])
    with pytest.raises(UserError, match="made from other models"):
        cross_fit(scenes, np.arange(4) % 2, "ensemble", together)
    with pytest.raises(UserError, match="1 image cannot be judged"):
        cross_fit(_scenes(np.ones((1, 4))), np.zeros(1, int), "frequency", frequency.Settings(family="frequency"))
