"""The trial of the promise: what counts as an alarm, as false, and as found."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.watching.evaluation.footage import Footage, film, ordinary_images
from contextual_anomaly.watching.evaluation.frame_rules import _over_last
from contextual_anomaly.watching.evaluation.scoring import Alarm, alarms_of_flags, score
from contextual_anomaly.world.scene_types import load_world
from contextual_anomaly.world.videos import sample_video

EVENTS = pd.DataFrame(
    [
        (100.0, 120.0, "unexpected", "kite"),
        (200.0, 230.0, "missing", "cup"),
        (300.0, 400.0, "rare", "bear"),
    ],
    columns=["start", "stop", "kind", "category"],
)
FOOTAGE = Footage(3600.0, EVENTS, np.arange(3600.0), [])


def test_alarms_of_ordinary_operation_are_false_and_those_of_rarities_too():
    alarms = [
        Alarm(0, 50.0, "unexpected", "kite"),  # before it came
        Alarm(0, 103.0, "unexpected", "kite"),
        Alarm(0, 125.0, "unexpected", "kite"),  # found already
        Alarm(0, 104.0, "unexpected", "fork"),  # at its time, but of another class
        Alarm(0, 207.0, "missing", "cup"),
        Alarm(0, 350.0, "unexpected", "bear"),
    ]
    found = score([FOOTAGE], alarms, ("unexpected", "missing"))
    assert (found["false_alarms"], found["beside"], found["planted"], found["found"]) == (2, 1, 2, 2)
    assert found["hours"] == pytest.approx((3600 - 30 - 40) / 3600)
    assert found["false_alarms_per_hour"] == pytest.approx(2 / found["hours"])
    assert found["delay"] == pytest.approx(5.0)
    only = score([FOOTAGE], alarms, ("missing",))
    assert (only["false_alarms"], only["planted"], only["recall"]) == (0, 1, 1.0)


def test_nothing_planted_and_nothing_found_are_no_error():
    nothing = score([Footage(60.0, EVENTS[:0], np.arange(60.0), [])], [], ("unexpected",))
    assert nothing["planted"] == 0
    assert np.isnan(nothing["recall"])
    assert np.isnan(nothing["delay"])


def test_flags_that_flicker_are_one_alarm():
    flags = np.zeros((30, 2), bool)
    flags[[2, 4, 9, 20], 0] = True
    flags[3, 1] = True
    found = alarms_of_flags(3, np.arange(30.0), "missing", flags, ("cup", "fork"))
    assert found == [Alarm(3, t, "missing", c) for t, c in ((2.0, "cup"), (20.0, "cup"), (3.0, "fork"))]


def test_windows_look_back_and_begin_with_nothing():
    values = np.array([[1.0], [3.0], [5.0], [0.0]])
    assert _over_last(values, 3, lambda last: last.sum(0)).ravel().tolist() == [1, 4, 9, 8]
    assert _over_last(values, 3, lambda last: np.median(last, axis=0)).ravel().tolist() == [0, 1, 3, 3]


def test_footage_and_images_are_the_same_again():
    world = load_world()
    video = sample_video(world, 60, 60, np.random.default_rng(0))
    first, second = (film(world, video, 2, [0, 1]) for _ in range(2))
    assert first.frames == second.frames
    assert len(first.frames) == 120
    assert set(first.planted["kind"]) <= {"unexpected", "missing"}
    images = ordinary_images(world, 20, 0)
    assert images == ordinary_images(world, 20, 0)
    assert len(images) == 20
    assert any(name in image.annotated for image in images for name in image.names)
