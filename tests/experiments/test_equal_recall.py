"""Precision at equal recall, against scikit-learn's curve in every resample."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from contextual_anomaly.experiments.equal_recall import precision_gain
from contextual_anomaly.stats.bootstrap import Bootstrap


def _by_sklearn(score, annotated, kept):
    """The same from the whole curve of the images given, repeated ones repeatedly."""
    hits = (kept & annotated).sum()
    precision, recall, _ = precision_recall_curve(annotated.ravel(), score.ravel())
    reached = np.flatnonzero(recall >= hits / annotated.sum() - 1e-12)[-1]
    return hits / kept.sum() - precision[reached]


@pytest.mark.parametrize("decimals", [1, 9])  # with many equal scores, and without
def test_every_resample_has_a_curve_of_its_own(decimals):
    rng = np.random.default_rng(3)
    annotated = rng.random((40, 10)) < 0.25
    score = np.round(np.clip(rng.normal(0.3 + 0.3 * annotated, 0.2), 0, 1), decimals)
    kept = (score > 0.6) | ((score > 0.2) & (rng.random((40, 10)) < 0.2 + 0.5 * annotated))
    bootstrap = Bootstrap(40, 60, 1)
    gain, low, high = precision_gain(score, annotated, kept, bootstrap)
    assert gain == pytest.approx(_by_sklearn(score, annotated, kept))
    drawn = [np.repeat(np.arange(40), weights.astype(int)) for weights in bootstrap.weights]
    each = [_by_sklearn(score[rows], annotated[rows], kept[rows]) for rows in drawn]
    assert [low, high] == pytest.approx(np.quantile(each, [0.025, 0.975]).tolist())
    assert low < gain < high


def test_a_stricter_threshold_gains_nothing_over_itself():
    rng = np.random.default_rng(4)
    annotated = rng.random((30, 8)) < 0.3
    score = rng.random((30, 8)) + 0.3 * annotated
    # The threshold lies at a correct one, or the last wrong ones would be kept for nothing.
    kept = score >= np.sort(score[annotated])[-20]
    assert precision_gain(score, annotated, kept, Bootstrap(30, 50, 0))[0] == 0


def test_nothing_right_kept_has_no_gain():
    annotated = np.array([[True, False]])
    assert np.isnan(precision_gain(np.array([[0.5, 0.4]]), annotated, ~annotated, Bootstrap(1, 5, 0))).all()
