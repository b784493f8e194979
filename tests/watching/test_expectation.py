"""What a camera lets expect: the past excuses and never blames, is forgotten, and knows of confusions."""

import numpy as np
import pytest

from contextual_anomaly.models.confusions import Confusions
from contextual_anomaly.stats.log_odds import expit, logit
from contextual_anomaly.watching.expectation import MEMORY, Expectation

LOW, HIGH = logit(np.array([0.01, 0.6])).tolist()


def test_the_past_excuses_and_never_blames():
    rng = np.random.default_rng(0)
    expectation = Expectation(4, None)
    for _ in range(50):
        now = rng.normal(0, 4, 4)
        assert (expectation.step(now, 0.5) >= now - 1e-6).all()


def test_what_was_expected_a_moment_ago_is_forgotten_in_minutes():
    expectation = Expectation(2, None)
    assert expectation.step(np.array([HIGH, LOW]), 0.0) == pytest.approx([HIGH, LOW])
    for _ in range(60):
        expectation.step(np.array([HIGH, LOW]), 1.0)
    after = expectation.step(np.array([LOW, LOW]), 1.0)
    assert expit(after) == pytest.approx([0.6, 0.01], abs=0.02)
    for _ in range(int(4 * MEMORY)):
        after = expectation.step(np.array([LOW, LOW]), 1.0)
    assert expit(after) == pytest.approx([0.02, 0.01], abs=0.01)


def test_the_rate_of_frames_changes_nothing():
    slow, fast = Expectation(2, None), Expectation(2, None)
    for _ in range(30):
        once = slow.step(np.array([HIGH, LOW]), 1.0)
        for _ in range(5):
            often = fast.step(np.array([HIGH, LOW]), 0.2)
    assert once == pytest.approx(often)


def test_an_object_under_a_wrong_name_is_less_odd():
    known = Confusions(np.array([[0.0, 0.05], [0.0, 0.0]]), np.zeros(2))
    found = Expectation(2, known).step(np.array([HIGH, LOW]), 0.0)
    assert expit(found) == pytest.approx([0.6, 0.01 + 0.6 * 0.05])
