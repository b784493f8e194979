"""Ranking measures against scikit-learn, and the bootstrap against closed forms."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.ranking import rank, ranking, ranking_of_counts


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    positive = rng.random(4000) < 0.3
    return positive, rng.normal(size=4000) + positive


def test_a_hand_made_ranking():
    measures = ranking(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0]))
    assert measures["auroc"] == pytest.approx(3 / 4)  # of the 4 pairs, 3 are in order
    assert measures["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert measures["tpr_at_5_fpr"] == pytest.approx(0.5)


def test_counts_of_each_score_give_the_measures_of_scikit_learn(scored):
    positive, score = scored
    score = score.round(1)  # with ties
    values, place = np.unique(-score, return_inverse=True)
    counts = [np.bincount(place[positive == p], minlength=len(values))[None].astype(float) for p in (True, False)]
    measures = ranking_of_counts(*counts)
    assert measures["auroc"][0] == pytest.approx(roc_auc_score(positive, score))
    assert measures["average_precision"][0] == pytest.approx(average_precision_score(positive, score))
    exact = ranking(positive, score)
    assert exact["average_precision"] == pytest.approx(average_precision_score(positive, score))
    assert measures["fpr_at_95_tpr"][0] == pytest.approx(exact["fpr_at_95_tpr"], abs=2e-3)
    assert measures["tpr_at_5_fpr"][0] == pytest.approx(exact["tpr_at_5_fpr"], abs=2e-3)


def test_rank_counts_ties_against_the_model():
    score = np.array([[0.9, 0.5, 0.5, 0.1], [0.2, 0.3, 0.4, 0.9]])
    candidate = np.array([[True, True, True, True], [True, True, False, True]])
    np.testing.assert_array_equal(rank(score, candidate, np.array([1, 3])), [3, 1])


def test_the_interval_of_a_share_is_the_normal_one_where_images_are_independent():
    found = (np.arange(2000) < 600).astype(float)
    low, high = Bootstrap(2000, 2000, 0).of_share(found, np.ones(2000))
    error = 1.96 * np.sqrt(0.3 * 0.7 / 2000)
    assert low == pytest.approx(0.3 - error, abs=2e-3)
    assert high == pytest.approx(0.3 + error, abs=2e-3)


def test_trials_of_one_image_count_as_one():
    """Ten equal trials in each of 200 images tell no more than 200 trials."""
    found = 10.0 * (np.arange(200) < 60)
    low, high = Bootstrap(200, 2000, 0).of_share(found, np.full(200, 10.0))
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 200), rel=0.1)


def test_binned_intervals_are_those_of_resampling_the_trials(scored):
    positive, score = scored
    image = np.repeat(np.arange(400), 10)
    bootstrap = Bootstrap(400, 300, 0)
    intervals = bootstrap.of_ranking(image, positive, score)
    exact = {"auroc": [], "average_precision": []}
    for weights in bootstrap.weights:
        of_trial = weights[image]
        exact["auroc"].append(roc_auc_score(positive, score, sample_weight=of_trial))
        exact["average_precision"].append(average_precision_score(positive, score, sample_weight=of_trial))
    for name, values in exact.items():
        np.testing.assert_allclose(intervals[name], np.quantile(values, [0.025, 0.975]), atol=4e-3)
    measures = ranking(positive, score)
    assert all(low < measures[name] < high for name, (low, high) in intervals.items())
