"""What is promised holds: tests under dependence, shares of an hour, the camera's own calibration, the martingale."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import norm, poisson

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.watching.budget import Budget, rate_interval
from contextual_anomaly.watching.drift import Drift, SimpleJumper
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.track_calibration import (
    OrdinaryScores,
    TrackCalibration,
    WorstSecond,
    read_track_calibration,
    write_track_calibration,
)
from contextual_anomaly.watching.track_tests import RepeatedTest


@pytest.mark.parametrize("dependence", [0.0, 0.5, 0.95, 1.0])
def test_repeated_looks_keep_their_rate_under_dependence(dependence):
    rng = np.random.default_rng(int(100 * dependence))
    tracks, alpha = 40_000, 0.2
    common = rng.standard_normal(tracks)
    test = RepeatedTest(np.full(tracks, alpha))
    for _ in range(8):
        own = rng.standard_normal(tracks)
        test.look(norm.cdf(np.sqrt(dependence) * common + np.sqrt(1 - dependence) * own))
    rejected = np.mean(test.rejected)
    assert 0 < rejected <= alpha + 3 * np.sqrt(alpha / tracks)


def test_twice_the_mean_is_needed_for_the_worst_dependence():
    # Two p-values that are each uniform, with a mean of 1/4 whenever one of them is below 1/2: the mean alone is no p-value.
    first = np.random.default_rng(0).random(10_000)
    second = np.where(first < 0.5, 0.5 - first, 1.5 - first)
    test = RepeatedTest(np.full(10_000, 0.5 * 4))
    test.looks, test.total = 1, first
    test.look(second)
    assert np.mean(test.p_value <= 0.5) == pytest.approx(0.5, abs=0.02)
    assert np.mean(test.p_value / 2 <= 0.25) > 0.45


def test_looks_come_after_one_two_four_and_eight_seconds():
    test, at = RepeatedTest(0.01), []
    for frame in range(1, 41):
        test.evidence = frame / 4
        if test.due:
            test.look(0.5)
            at.append(test.evidence)
    assert at == [1, 2, 4, 8]


@pytest.mark.parametrize("tests_an_hour", [3, 60, 2000])
def test_tests_of_each_hour_spend_at_most_what_is_promised(tests_an_hour):
    rng = np.random.default_rng(tests_an_hour)
    at = np.sort(rng.uniform(0, 6, 6 * tests_an_hour))
    budget = Budget(0.5)
    alpha = np.array([budget.grant(hours) for hours in at.tolist()])
    assert (alpha > 0).all()
    for start in np.linspace(0, 5, 50):
        assert alpha[(at >= start) & (at < start + 1)].sum() <= 0.5 + 1e-9
    used = alpha[at >= 3].sum() / 3 / 0.5  # and not much less, once the number of tests is known
    assert used >= {3: 0.2, 60: 0.6, 2000: 0.7}[tests_an_hour]


def test_what_one_ordinary_object_in_five_is_like_is_never_told_however_much_is_allowed():
    budget = Budget(1000)
    assert {budget.grant(hours) for hours in np.linspace(0, 1, 5).tolist()} == {0.2}


def test_interval_of_a_rate_is_that_of_poisson():
    lower, upper = rate_interval(3, 2.0)
    assert poisson.sf(2, lower * 2) == pytest.approx(0.025)
    assert poisson.cdf(3, upper * 2) == pytest.approx(0.025)
    assert rate_interval(0, 0.0) == (0.0, float("inf"))


def test_ordinary_tracks_are_as_odd_as_the_calibration_says():
    rng = np.random.default_rng(5)
    alarms = []
    for _ in range(400):
        ordinary = OrdinaryScores(np.sort(rng.standard_normal(99)))
        alarms += [ordinary.p_value(score) <= 0.05 for score in rng.standard_normal(50)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.006)
    assert OrdinaryScores(np.zeros(99)).can_promise(0.01)
    assert not OrdinaryScores(np.zeros(98)).can_promise(0.01)


def test_the_worst_second_has_to_last():
    worst = WorstSecond()
    for value in [3, 3, -9, 3, 3, 1, 1, 1, 1, 1, 4, 4, 4]:
        worst.step(value, 0.25)
    assert worst.value == 1  # the lowest value stood for a quarter of a second


def test_calibration_of_a_camera_is_kept_in_a_file(tmp_path):
    weight, share = np.array([0.6, 0.4]), np.array([[0.8, 0.1], [0.3, 0.6]])
    model, other = Oracle("m", ("cup", "kite"), weight, share), Oracle("m", ("cup", "kite"), weight, share / 2)
    made = TrackCalibration.of([3.0, -1.0, 2.0], [0.5], 1800.0, model, "yolox-nano")
    write_track_calibration(made, tmp_path / "camera.parquet")
    read = read_track_calibration(tmp_path / "camera.parquet", model)
    assert read.unexpected.scores.tolist() == [-1.0, 2.0, 3.0]
    assert read.missing.scores.tolist() == [0.5]
    assert (read.seconds, read.detector) == (1800.0, "yolox-nano")
    assert read.lowest_rates == (pytest.approx(6 / 4), pytest.approx(2 / 2))
    assert read.with_score("missing", 0.1).missing.scores.tolist() == [0.1, 0.5]
    with pytest.raises(UserError, match=r"camera\.parquet: made with another model"):
        read_track_calibration(tmp_path / "camera.parquet", other)
    table = pq.read_table(tmp_path / "camera.parquet")
    about = {key: value for key, value in table.schema.metadata.items() if key != b"scores"}
    pq.write_table(table.replace_schema_metadata(about), tmp_path / "old.parquet")
    with pytest.raises(UserError, match=r"old\.parquet: made by an earlier version"):
        read_track_calibration(tmp_path / "old.parquet", model)


def test_capital_against_uniform_p_values_stays_small():
    rng = np.random.default_rng(1)
    largest = []
    for _ in range(100):
        jumper = SimpleJumper()
        largest.append(max(jumper.bet(p) for p in rng.random(60).tolist()))
    assert np.mean(np.array(largest) >= 10) <= 0.1 + 0.06  # Ville: at most 1/10


def test_expected_capital_is_one():
    # The mean over a grid of p-values of what one bet makes of any capital is that capital.
    after = []
    for p in (np.arange(100) + 0.5) / 100:
        jumper = SimpleJumper()
        for past in (0.1, 0.7, 0.2):
            jumper.bet(past)
        before = jumper.capital
        after.append(jumper.bet(p) / before)
    assert np.mean(after) == pytest.approx(1, abs=1e-9)


def test_drift_is_noticed_once_and_only_where_there_is_one():
    rng = np.random.default_rng(2)
    ordinary = OrdinaryScores(np.sort(rng.standard_normal(200)))
    same, odder = Drift(ordinary), Drift(ordinary)
    assert not any(same.add(score) for score in rng.standard_normal(500))
    assert sum(odder.add(score) for score in rng.standard_normal(200) - 1.5) == 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(UserError, match="false_alarms_per_hour is 0; a number above 0"):
        WatchSettings(0)
