"""Fusion where Bayes' rule is known: a mixture of scenes, and a detector whose likelihood ratio is exact."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, log_loss

from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.rescoring.fusion import fuse, fuse_boxes
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.stats.folds import assign_folds
from contextual_anomaly.stats.log_odds import logit

PROBABILITY = np.array([[0.9, 0.8, 0.85, 0.02, 0.02, 0.1], [0.02, 0.03, 0.02, 0.9, 0.8, 0.3]])
SHARE = np.array([0.4, 0.6])


@pytest.fixture(scope="module")
def world():
    """Scores and truth of 500 images: the detector says z ~ N(±1, 2), whose log-likelihood ratio is z."""
    rng = np.random.default_rng(0)
    annotated = rng.random((500, 6)) < PROBABILITY[rng.choice(2, 500, p=SHARE)]
    z = rng.normal(np.where(annotated, 1, -1), np.sqrt(2))
    model = Oracle("oracle", tuple("abcdef"), SHARE, PROBABILITY)
    return expit(z).astype(np.float32), annotated, SHARE @ PROBABILITY, model


def test_context_adds_what_bayes_rule_says(world):
    score, annotated, frequency, model = world
    fused = fuse(score, annotated, frequency, model, 0, assign_folds(500, 5, 0))
    alone, calibrated, together = (
        average_precision_score(annotated.ravel(), s.ravel()) for s in (score, fused.calibrated, fused.fused)
    )
    assert alone < calibrated < together
    # The detector's log-odds are exact: without context Bayes' rule adds the prior to them, and nothing does better.
    bayes = log_loss(annotated.ravel(), expit(logit(score) + logit(frequency)).ravel())
    assert log_loss(annotated.ravel(), fused.calibrated.ravel()) == pytest.approx(bayes, rel=0.02)
    assert fused.weights[:, 0] == pytest.approx(0.9, abs=0.2)
    assert (fused.weights[:, 1] > 0.5).all()


def test_no_image_is_fused_by_a_fit_to_its_own_annotations(world):
    score, annotated, frequency, model = world
    fold = assign_folds(500, 5, 0)
    before = fuse(score, annotated, frequency, model, 0, fold)
    other = annotated.copy()
    other[fold == 2] = ~other[fold == 2]
    after = fuse(score, other, frequency, model, 0, fold)
    np.testing.assert_array_equal(before.fused[fold == 2], after.fused[fold == 2])
    assert (before.fused[fold != 2] != after.fused[fold != 2]).any()


def test_without_annotations_the_error_says_so(world):
    score, annotated, frequency, model = world
    with pytest.raises(UserError, match="give more annotated images"):
        fuse(score, np.zeros_like(annotated), frequency, model, 0, assign_folds(500, 5, 0))


def test_boxes_take_the_weight_of_the_lift_that_was_simulated():
    rng = np.random.default_rng(1)
    lift = rng.normal(0, 1, 4000)
    score = expit(rng.normal(0, 1, 4000)).astype(np.float32)
    correct = (rng.random(4000) < expit(logit(score) + 0.5 * lift)).astype(float)
    fold = rng.integers(0, 4, 4000)
    rescored = fuse_boxes(score, lift, correct, np.ones(4000), fold)
    assert (logit(rescored) - logit(score)) / lift == pytest.approx(0.5, abs=0.2)
    # Without a correct box to learn from, scores stay as they are.
    np.testing.assert_array_equal(fuse_boxes(score, lift, np.zeros(4000), np.ones(4000), fold), score)


def test_folds_are_equal_and_too_few_images_are_an_error():
    assert np.bincount(assign_folds(23, 5, 1)).tolist() == [5, 5, 5, 4, 4]
    assert (assign_folds(23, 5, 1) != assign_folds(23, 5, 2)).any()
    with pytest.raises(UserError, match=r"3 images cannot be divided into 5 folds; lower rescoring\.folds"):
        assign_folds(3, 5, 0)
