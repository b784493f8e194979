"""Ranking measures against scikit-learn, and the bootstrap against closed forms."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.ranking import WeightedRanking, rank, ranking


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


@pytest.fixture(params=[1, 9], ids=["many equal scores", "no equal scores"])
def weighted(request, scored):
    """Trials of 400 images, and twelve weightings of them; the third draws hardly any image."""
    positive, score = scored
    weights = Bootstrap(400, 12, 1).weights
    weights[2] = np.arange(400) < 3
    return np.repeat(np.arange(400), 10), score.round(request.param), positive, weights


def test_each_weighting_gives_the_measures_of_scikit_learn(weighted):
    image, score, positive, weights = weighted
    ranked = WeightedRanking(image, score, positive, weights)
    given = {"auroc": ranked.auroc(), "ap": ranked.average_precision()}
    rates = {"fpr": ranked.fpr_at_tpr(0.95), "tpr": ranked.tpr_at_fpr(0.05)}
    for number, of_image in enumerate(weights):
        drawn = of_image[image].astype(float)
        assert given["auroc"][number] == pytest.approx(roc_auc_score(positive, score, sample_weight=drawn))
        assert given["ap"][number] == pytest.approx(average_precision_score(positive, score, sample_weight=drawn))
        fpr, tpr, _ = roc_curve(positive, score, sample_weight=drawn, drop_intermediate=False)
        assert rates["fpr"][number] == pytest.approx(np.interp(0.95, tpr, fpr), abs=1e-6)
        assert rates["tpr"][number] == pytest.approx(np.interp(0.05, fpr, tpr), abs=1e-6)


def test_precision_at_hits_is_on_the_curve_of_scikit_learn(weighted):
    image, score, positive, weights = weighted
    hits = weights @ np.bincount(image, positive & (score > 1.2)).astype(np.float32)
    given = WeightedRanking(image, score, positive, weights).precision_at_hits(hits)
    for value, of_image, wanted in zip(given, weights, hits, strict=True):
        drawn = of_image[image].astype(float)
        precision, recall, _ = precision_recall_curve(positive, score, sample_weight=drawn)
        reached = np.flatnonzero(recall >= wanted / drawn[positive].sum() - 1e-9)[-1]
        assert value == pytest.approx(precision[reached])


def test_precision_at_k_is_the_mean_over_all_orders_of_equal_scores():
    score, positive = np.array([3, 2, 2, 2, 1]), np.array([False, True, False, True, True])
    image, weights = np.arange(5), np.array([[1, 1, 1, 1, 1], [2, 0, 1, 1, 0]], np.float32)
    ranked = WeightedRanking(image, score, positive, weights)
    for k in (1, 2, 3, 4):
        each = []
        for order in permutations(range(1, 4)):
            each.append(positive[[0, *order, 4][:k]].mean())
        assert ranked.precision_at_k(np.array([k, k]))[0] == pytest.approx(np.mean(each))
    # Two copies of the first, then one right and one wrong in either order.
    assert ranked.precision_at_k(np.array([3, 3]))[1] == pytest.approx(0.5 / 3)


def test_the_order_of_rows_with_equal_scores_changes_nothing(weighted):
    image, score, positive, weights = weighted
    score = score.round(1)
    shuffled = np.random.default_rng(4).permutation(len(score))
    bootstrap = Bootstrap(400, 40, 0)
    results = []
    for rows in (slice(None), shuffled, np.lexsort((positive, score)), np.lexsort((~positive, score))):
        ranked = WeightedRanking(image[rows], score[rows], positive[rows], weights)
        k = np.full(len(weights), 70)
        results.append(
            [
                *ranked.measures().values(),
                *(ranked.precision_at_k(k), ranked.precision_at_hits(k), ranked.area_under_risk()),
                *bootstrap.of_ranking(image[rows], positive[rows], score[rows]).values(),
                *ranking(positive[rows], score[rows]).values(),
            ]
        )
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_bins_of_many_trials_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(6)
    positive, image = rng.random(60_000) < 0.5, rng.integers(0, 300, 60_000)
    score = rng.normal(positive, 1).round(3)
    rows = rng.permutation(60_000)
    bootstrap = Bootstrap(300, 20, 0)
    assert bootstrap.of_ranking(image, positive, score) == bootstrap.of_ranking(
        image[rows], positive[rows], score[rows]
    )


def test_a_weighting_without_a_positive_item_has_no_figure():
    ranked = WeightedRanking(
        np.arange(3), np.array([3.0, 2, 1]), np.array([True, False, False]), np.array([[0, 1, 1]], np.float32)
    )
    assert all(np.isnan(value[0]) for value in ranked.measures().values())
    assert np.isnan(ranked.precision_at_hits(np.zeros(1)))


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
