"""The filter of presence against the forward recursion of the hidden Markov model that it is."""

import numpy as np
import pytest

from contextual_anomaly.models.score_curve import DetectionRates, ScoreCurve
from contextual_anomaly.stats.log_odds import expit, logit
from contextual_anomaly.watching import presence
from contextual_anomaly.watching.following import Followed
from contextual_anomaly.watching.presence import DetectorCurves, looked, passed, switched

BOX = (10.0, 10.0, 50.0, 50.0)


def forward(prior: float, gaps: list[float], likelihood: np.ndarray) -> float:
    """P(there | all looks) by the textbook recursion over two states; likelihood is [looks, (not there, there)]."""
    belief = np.array([1 - prior, prior])
    for gap, like in zip(gaps, likelihood, strict=True):
        change = (1 - np.exp(-2 * gap / presence.CHANGE)) / 2
        belief = like * (np.array([[1 - change, change], [change, 1 - change]]) @ belief)
        belief /= belief.sum()
    return float(belief[1])


def test_filter_is_the_forward_recursion():
    rng = np.random.default_rng(0)
    gaps = rng.uniform(0.5, 3, 30).tolist()
    likelihood = rng.uniform(0.3, 0.7, (30, 2))
    log_odds = logit(np.array([0.4]))
    for gap, like in zip(gaps, likelihood, strict=True):
        log_odds = looked(passed(log_odds, gap), np.log(like[1:] / like[:1]))
    assert expit(log_odds)[0] == pytest.approx(forward(0.4, gaps, likelihood), rel=1e-9)


def test_an_object_that_is_found_again_and_again_follows_the_same_recursion():
    curves = DetectorCurves(ScoreCurve(0.2, 0.5), {"cup": 0.6}, repeated=0.4, precision=0.5)
    followed = Followed(["cup", "fork"], curves)
    found = [True, True, False, True, False, False, True]
    for second, there in enumerate(found):
        followed.look(["cup"] * there, [0.4] * there, [BOX] * there, float(second))
    by_score = expit(0.2 + 0.5 * logit(0.4))  # of one image alone, where half of what is reported is there
    seen = [0.4 * (1 - by_score), 0.6 * by_score]
    likelihood = np.array([seen if there else [0.6, 0.4] for there in found[1:]])
    expected = forward(float(by_score), [1.0] * 6, likelihood)
    assert expit(followed.tracks[0].log_odds) == pytest.approx(expected, rel=1e-9)


def test_log_odds_turn_back_from_their_limits():
    assert looked(np.array([5.0, -5.0]), np.array([9.0, -9.0])).tolist() == [6.0, -6.0]


def test_on_and_off_with_hysteresis():
    log_odds = np.array([2.9, 3.1, 0.0, -1.9, -2.1])
    assert switched(np.zeros(5, bool), log_odds).tolist() == [False, True, False, False, False]
    assert switched(np.ones(5, bool), log_odds).tolist() == [True, True, True, True, False]


def test_many_frames_a_second_are_no_more_evidence_than_few():
    after = []
    for rate in (4, 30):
        followed = Followed(["cup"], DetectorCurves())
        for frame in range(2 * rate):
            followed.look(["cup"], [0.7], [BOX], frame / rate)
        for frame in range(2 * rate, 8 * rate):
            followed.look([], [], [], frame / rate)
            if not followed.on:
                after.append(frame / rate)
                break
    assert after[0] == pytest.approx(after[1], abs=0.5)


def test_a_class_counts_as_absent_after_enough_looks_by_the_recall_of_its_detector():
    followed = Followed(["person", "mouse", "cup"], DetectorCurves(recall={"person": 0.9, "mouse": 0.3, "cup": 0.9}))
    absent_after = {}
    for frame in range(40):
        followed.look(["cup"], [0.3], [BOX], frame / 2)
        for name, absent in zip(("person", "mouse", "cup"), followed.absent, strict=True):
            if absent:
                absent_after.setdefault(name, frame)
    assert absent_after["person"] < absent_after["mouse"] < 30
    assert "cup" not in absent_after  # an object of small score is no certain absence


def test_measured_rates_stay_within_what_a_look_may_say():
    curves = DetectorCurves.of(ScoreCurve(0, 1), DetectionRates({"cup": 1.0, "mouse": 0.0, "fork": 0.5}, 1.0))
    assert curves.recall == {"cup": 0.9, "mouse": 0.05, "fork": 0.5}
    assert np.isfinite(curves.seen(np.zeros(1), np.zeros(1), curves.recall_of(["elephant"]))).all()
