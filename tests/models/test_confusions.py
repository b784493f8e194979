"""What a detector takes for something else is found again from images in which nobody says which object was mistaken."""

import numpy as np
import pytest

from contextual_anomaly.models.confusions import Confusions, confusions, explained_elsewhere
from contextual_anomaly.stats.log_odds import expit, logit

RATE = np.zeros((5, 5))
RATE[0, 1], RATE[2, 1], RATE[3, 4] = 0.10, 0.03, 0.06
SHARE = np.array([0.5, 0.1, 0.3, 0.4, 0.05])
STRAY = np.array([0.002, 0.002, 0.01, 0.0, 0.0])


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which classes are there, and which a detector reports that finds four of five and confuses as above."""
    rng = np.random.default_rng(seed)
    there = rng.random((count, 5)) < SHARE
    wrong = rng.random((count, 5)) < STRAY
    for c, d in np.argwhere(RATE).tolist():
        wrong[:, d] |= there[:, c] & (rng.random(count) < RATE[c, d])
    return there, there & (rng.random((count, 5)) < 0.8) | wrong


def test_rates_are_found_again():
    found = confusions(*images(40_000, 0))
    assert found.rate == pytest.approx(RATE * (1 - SHARE), abs=0.01)  # no report is wrong where the class is there
    assert found.stray == pytest.approx(STRAY, abs=0.004)
    # All wrong reports have a cause.
    there, reported = images(40_000, 0)
    expected = there @ found.rate + found.stray
    assert expected.sum() == pytest.approx((reported & ~there).sum(), rel=0.2)


def test_few_images_say_little_and_none_nothing():
    few = confusions(*images(40, 0))
    assert np.isfinite(few.rate).all()
    assert few.rate.max() < 0.2
    nothing = confusions(np.zeros((0, 3), bool), np.zeros((0, 3), bool))
    assert nothing.rate.shape == (3, 3)
    assert np.isfinite(nothing.stray).all()


def test_what_looks_like_an_expected_class_has_an_ordinary_cause():
    known = Confusions(RATE, STRAY)
    explained = known.explained(logit(np.array([[0.9, 0.001, 0.1, 0.1, 0.001], [0.001, 0.001, 0.001, 0.001, 0.001]])))
    assert expit(explained[:, 1]) == pytest.approx([0.001 + 0.09 + 0.003 + 0.002, 0.003 + 0.00013], rel=0.01)
    assert np.isfinite(known.explained(np.array([-900.0, 900.0, 0.0, 0.0, 0.0]))).all()


def test_images_are_explained_by_the_rates_of_others():
    there, reported = images(2000, 1)
    log_odds = np.tile(logit(SHARE), (2000, 1))
    found = explained_elsewhere(log_odds, there, reported)
    assert found.shape == (2000, 5)
    assert len(np.unique(found[:, 1])) == 5
    part = np.arange(2000) % 5 == 2
    assert found[part] == pytest.approx(confusions(there[~part], reported[~part]).explained(log_odds[part]))
