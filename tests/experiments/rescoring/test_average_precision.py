"""Weighted ranking measures against scikit-learn's, with sample weights, in every resample."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from contextual_anomaly.experiments.rescoring.average_precision import macro_average_precision, pooled_ranking
from contextual_anomaly.experiments.rescoring.curves import risk_coverage
from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.ranking import WeightedRanking


@pytest.fixture(params=[1, 9], ids=["equal scores", "different scores"])
def case(request):
    """Scores, truth and weights of 40 images and 6 classes, the last of which is nowhere annotated."""
    rng = np.random.default_rng(5)
    annotated = rng.random((40, 6)) < np.array([0.5, 0.3, 0.2, 0.1, 0.05, 0])
    score = np.round(np.clip(rng.normal(0.3 + 0.3 * annotated, 0.25), 0, 1), request.param)
    return score, annotated, Bootstrap(40, 25, 3).weights


def test_macro_is_the_mean_over_annotated_classes(case):
    score, annotated, weights = case
    given = macro_average_precision(score, annotated, weights)
    for value, weight in zip(given, weights, strict=True):
        of_class = [
            average_precision_score(annotated[:, c], score[:, c], sample_weight=weight)
            for c in range(6)
            if weight @ annotated[:, c] > 0
        ]
        assert value == pytest.approx(np.mean(of_class), abs=1e-6)


def test_micro_takes_everything_together(case):
    score, annotated, weights = case
    given = pooled_ranking(score, annotated, weights).average_precision()
    for value, weight in zip(given, weights, strict=True):
        wanted = average_precision_score(annotated.ravel(), score.ravel(), sample_weight=np.repeat(weight, 6))
        assert value == pytest.approx(wanted, abs=1e-6)


def test_precision_where_as_many_are_found(case):
    score, annotated, weights = case
    hits = weights @ ((score > 0.6) & annotated).sum(1).astype(np.float32)
    given = pooled_ranking(score, annotated, weights).precision_at_hits(hits)
    for value, weight, wanted in zip(given, weights, hits, strict=True):
        precision, recall, _ = precision_recall_curve(
            annotated.ravel(), score.ravel(), sample_weight=np.repeat(weight, 6)
        )
        reached = np.flatnonzero(recall >= wanted / (weight @ annotated.sum(1)) - 1e-9)[-1]
        assert value == pytest.approx(precision[reached], abs=1e-6)


def test_risk_is_what_is_wrong_among_the_trusted():
    score, right = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, False])
    coverage, risk = risk_coverage(score, right)
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == [0, pytest.approx(1 / 3), 0.5]
    # Over the four claims: 0 for the first, 1/3 for the next two, 1/2 for the last.
    area = WeightedRanking(
        np.arange(4), score, right, np.array([[1, 1, 1, 1], [0, 0, 0, 2]], np.float32)
    ).area_under_risk()
    assert area.tolist() == [pytest.approx((0 + 2 / 3 + 0.5) / 4), 1.0]
