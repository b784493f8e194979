"""Whole watches of scenes made by hand, with a model of two places whose probabilities are exact."""

from dataclasses import replace

import numpy as np
import pytest

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.detectors import ChosenDetector
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.confusions import Confusions
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.score_curve import AS_IT_IS
from contextual_anomaly.watching.context import Context
from contextual_anomaly.watching.events import EventKind
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.track_calibration import TrackCalibration
from contextual_anomaly.watching.watcher import Watcher, WatchSettings

CLASSES = ("fork", "knife", "cup", "plate", "surfboard", "kite")
KITCHEN = ["fork", "knife", "cup", "plate"]
MODEL = Oracle(
    "places",
    CLASSES,
    np.array([0.6, 0.4]),
    np.array([[0.9, 0.9, 0.9, 0.999, 0.001, 0.001], [0.01, 0.01, 0.01, 0.01, 0.7, 0.7]]),
)
BOX = {name: (20.0 + 60 * number, 40.0, 50.0, 60.0) for number, name in enumerate(CLASSES)}


def checker(scores: bool = True) -> Checker:
    """A checker for which log-odds below -5 of what is there, and above 4 of what is not, are hardly ever ordinary."""
    known = Calibration(np.linspace(-5, 8, 50_000), np.linspace(3, 4, 5_000), 100_000, 2, score_curve=AS_IT_IS)
    return Checker(MODEL, annotated=known, behind_detector=known, detector=ChosenDetector("d", given=scores))


def watch(watcher: Watcher, scenes: list[tuple[float, list[str] | None]], rate: float = 2, score: float | None = 0.9):
    """Return the steps of scenes that last until a time each; None where nothing could be detected."""
    steps, start = [], watcher_time(watcher)
    for until, names in scenes:
        while start < until:
            objects = None
            if names is not None:
                boxes = tuple(BOX[name] for name in names)
                objects = ImageObjects(tuple(names), (score,) * len(names), boxes, (None,) * len(names), (400, 200))
            steps.append(watcher.step(Frame(round(start * rate), start, 1e9 + start, objects=objects), objects))
            start += 1 / rate
    return steps


def watcher_time(watcher: Watcher) -> float:
    last = watcher._last
    return 0.0 if last is None else last.frame.seconds + 0.5


def told(steps, kind: EventKind) -> list[tuple[str, str, float]]:
    """Return type, class and time of the messages of a kind, updates left out."""
    events = [event for step in steps for event in step.events if event.kind == kind and event.type != "update"]
    return [(str(event.type), event.category, event.seconds) for event in events]


def test_an_object_that_does_not_belong_is_told_once_and_ends():
    watcher = Watcher(checker(), WatchSettings(), "test")
    steps = watch(watcher, [(20, KITCHEN), (50, [*KITCHEN, "surfboard"]), (70, KITCHEN)])
    (new, end) = told(steps, EventKind.UNEXPECTED)
    assert new[:2] == ("new", "surfboard")
    assert 21 <= new[2] <= 23
    assert end[:2] == ("end", "surfboard")
    assert 55 <= end[2] <= 61
    event = next(event for step in steps for event in step.events if event.kind == EventKind.UNEXPECTED)
    assert event.box == BOX["surfboard"]
    assert event.p_value is not None
    assert event.p_value < 0.001
    assert {part.category for part in event.attributions} >= {"fork", "plate"}
    assert event.to_dict()["source"] == "test"
    scene = next(step.scene for step in steps if step.scene.seconds == 30)
    assert [found.category for found in scene.objects if found.flagged] == ["surfboard"]
    promise = steps[-1].scene.promise
    assert (promise.per_hour, promise.seen) == (1.0, 1)
    assert promise.hours == pytest.approx(69.5 / 3600)


def test_an_object_that_may_bear_a_wrong_name_is_not_told():
    rate = np.zeros((6, 6))
    rate[CLASSES.index("plate"), CLASSES.index("surfboard")] = 0.05
    known = checker().behind_detector
    assert known is not None
    knows = replace(known, confusions=Confusions(rate, np.zeros(6)), explained=known.present)
    watcher = Watcher(replace(checker(), behind_detector=knows), WatchSettings(), "test")
    steps = watch(watcher, [(20, KITCHEN), (50, [*KITCHEN, "surfboard"]), (70, [*KITCHEN, "kite"])])
    assert [(kind, name) for kind, name, _ in told(steps, EventKind.UNEXPECTED)] == [("new", "kite")]


def test_p_values_of_images_are_raised_where_confusions_are_not_known():
    known = checker().behind_detector
    assert known is not None
    knows = replace(known, confusions=Confusions(np.zeros((6, 6)), np.zeros(6)), explained=known.present)
    found = [
        Context(replace(checker(), behind_detector=one), True, False).p_unexpected(np.array([-5.0, -1.0, 9.0]))
        for one in (known, knows)
    ]
    assert found[1] == pytest.approx(known.unexpected(np.array([-5.0, -1.0, 9.0])))
    assert found[0] == pytest.approx(np.minimum(1, 3 * found[1]))


def test_a_glimpse_is_no_event():
    watcher = Watcher(checker(), WatchSettings(), "test")
    steps = watch(watcher, [(20, KITCHEN), (20.5, [*KITCHEN, "surfboard"]), (40, KITCHEN)])
    assert told(steps, EventKind.UNEXPECTED) == []


def test_a_class_that_is_expected_is_missing_once_the_scene_has_settled():
    watcher = Watcher(checker(), WatchSettings(), "test")
    steps = watch(watcher, [(30, ["fork", "knife", "cup"]), (40, KITCHEN)])
    (new, end) = told(steps, EventKind.MISSING)
    assert new[:2] == ("new", "plate")
    assert 5 <= new[2] <= 8
    assert end[:2] == ("end", "plate")
    assert 30 <= end[2] <= 32
    before = next(step.scene for step in steps if step.scene.seconds == 20)
    assert (before.absent[0].category, before.absent[0].flagged, before.settled) == ("plate", True, True)


def test_what_was_there_for_long_and_left_has_gone():
    watcher = Watcher(checker(), WatchSettings(gone_after=20), "test")
    steps = watch(watcher, [(30, KITCHEN), (50, KITCHEN[:3]), (60, KITCHEN)])
    gone = told(steps, EventKind.GONE)
    assert [(kind, name) for kind, name, _ in gone] == [("new", "plate"), ("end", "plate")]
    steps = watch(Watcher(checker(), WatchSettings(gone_after=40), "test"), [(30, KITCHEN), (50, KITCHEN[:3])])
    assert told(steps, EventKind.GONE) == []


def test_a_blind_camera_is_no_evidence_of_absence():
    watcher = Watcher(checker(), WatchSettings(gone_after=10), "test")
    steps = watch(watcher, [(20, KITCHEN), (200, None), (230, KITCHEN)])
    assert [event for step in steps for event in step.events] == []
    blind = [step.scene.seconds for step in steps if step.scene.blind == "undetected"]
    assert (blind[0], blind[-1]) == (22.0, 199.5)
    assert not any(step.scene.settled for step in steps if step.scene.blind)
    assert steps[-1].scene.promise.hours == pytest.approx((19.5 + 29.5) / 3600, rel=0.01)


def test_what_a_person_says_belongs_here_is_not_told_again():
    watcher = Watcher(checker(), WatchSettings(), "test")
    steps = watch(watcher, [(20, KITCHEN), (30, [*KITCHEN, "surfboard"])])
    event = next(event for step in steps for event in step.events)
    assert watcher.belongs_here(event.id)
    assert not watcher.belongs_here("nothing")
    steps = watch(watcher, [(30.5, [*KITCHEN, "surfboard"]), (60, KITCHEN), (90, [*KITCHEN, "surfboard"])])
    assert told(steps, EventKind.UNEXPECTED) == [("end", "surfboard", 30.0)]


def test_what_if_answers_of_the_scene_of_the_moment():
    watcher = Watcher(checker(), WatchSettings(), "test")
    steps = watch(watcher, [(20, KITCHEN), (30, [*KITCHEN, "surfboard"])])
    surfboard = next(found for found in steps[-1].scene.objects if found.category == "surfboard")
    assert [found.category for found in watcher.what_if([], []).unexpected] == ["surfboard"]
    assert watcher.what_if([surfboard.track], []).unexpected == []
    assert [found.category for found in watcher.what_if([surfboard.track], ["kite"]).unexpected] == ["kite"]


def test_open_events_end_with_the_watch():
    watcher = Watcher(checker(), WatchSettings(), "test")
    watch(watcher, [(20, KITCHEN), (30, [*KITCHEN, "surfboard"])])
    assert [(event.type, event.category, event.until) for event in watcher.close()] == [("end", "surfboard", 29.5)]
    assert watcher.close() == ()


def test_names_without_scores_or_boxes_are_watched_too():
    watcher = Watcher(checker(scores=False), WatchSettings(), "test")
    steps = []
    for second in range(60):
        names = (*KITCHEN, "surfboard", "unicorn")[: 4 if second < 20 else 6]
        objects = ImageObjects.of(names)
        steps.append(watcher.step(Frame(second, float(second), float(second), objects=objects), objects))
    assert [(kind, name) for kind, name, _ in told(steps, EventKind.UNEXPECTED)] == [("new", "surfboard")]
    assert next(event for step in steps for event in step.events).calibration == "annotations"
    shown = {found.category: found for found in steps[-1].scene.objects}
    assert shown["surfboard"].box is None
    assert shown["unicorn"].probability is None


def test_nothing_is_promised_without_a_calibration():
    watcher = Watcher(Checker(MODEL), WatchSettings(), "test")
    steps = watch(watcher, [(10, KITCHEN), (30, [*KITCHEN, "surfboard"])])
    assert [event for step in steps for event in step.events] == []
    assert steps[-1].scene.promise.per_hour is None
    assert "no calibration" in (steps[-1].scene.promise.note or "")


def test_the_cameras_own_calibration_decides_as_soon_as_it_can():
    ordinary = Watcher(checker(), WatchSettings(), "test")
    watch(ordinary, [(10 * n, [*KITCHEN, "surfboard"] if n % 2 else KITCHEN) for n in range(1, 7)])
    ordinary.close()
    own = ordinary.own_calibration()
    assert len(own.unexpected.scores) == 7  # three visits of the surfboard, and one of each other class
    assert own.seconds == pytest.approx(59.5)
    large = TrackCalibration.of(own.unexpected.scores.tolist() * 40, [], 3600.0, MODEL, "d")
    for calibration, expected in ((large, []), (own, [("new", "surfboard")])):
        watcher = Watcher(checker(), WatchSettings(), "test", calibration)
        steps = watch(watcher, [(20, KITCHEN), (40, [*KITCHEN, "surfboard"])])
        assert [(kind, name) for kind, name, _ in told(steps, EventKind.UNEXPECTED)] == expected


def test_a_camera_unlike_the_calibration_is_said():
    odd = Calibration(np.linspace(4, 8, 999), np.linspace(3, 4, 50), 999, 2, score_curve=AS_IT_IS)
    strange = Checker(MODEL, behind_detector=odd, detector=ChosenDetector("d", given=True))
    watcher = Watcher(strange, WatchSettings(ends_after=1), "test")
    scenes = [(8.0 * n, ["fork", "knife"] if n % 2 else ["surfboard", "cup"]) for n in range(1, 16)]
    steps = watch(watcher, scenes)
    assert "calibrate this camera" in (steps[-1].scene.promise.note or "")
    assert steps[5].scene.promise.note is None
