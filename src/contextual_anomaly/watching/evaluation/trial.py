"""Watch footage with several promises at once, and judge it frame by frame beside."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.detectors import ChosenDetector
from contextual_anomaly.models.detection_calibration import DetectedScene, calibrate_detections
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.watching.evaluation.footage import SIZE, Footage
from contextual_anomaly.watching.evaluation.frame_rules import Frames
from contextual_anomaly.watching.evaluation.scoring import Alarm, alarms_of_flags, score
from contextual_anomaly.watching.events import Event, EventType
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.watcher import Watcher, WatchSettings

KINDS = {"all": ("unexpected", "missing"), "unexpected": ("unexpected",), "missing": ("missing",)}
"""Kinds of alarms of each row of the table."""
DETECTOR = "simulated"
"""Name of the simulated detector."""


def behind_simulated(checker: Checker, images: Sequence[DetectedScene], minimum_classes: int) -> Checker:
    """Return a checker that is calibrated behind the simulated detector.

    Args:
        checker: the model.
        images: that neither it nor the footage has seen.
        minimum_classes: images with fewer reported classes are left out.
    """
    variant = checker.model.variants[checker.variant]
    made = calibrate_detections(checker.model, variant.bottleneck, images, minimum_classes, DETECTOR)
    return replace(checker, behind_detector=made, detector=ChosenDetector(DETECTOR, given=True))


def watched(checker: Checker, footage: Sequence[Footage], promises: Sequence[float]) -> dict[float, list[Alarm]]:
    """Return the alarms of a watch, by what it promises.

    Args:
        checker: model and calibration.
        footage: of some cameras.
        promises: false alarms an hour.
    """
    alarms: dict[float, list[Alarm]] = {promised: [] for promised in promises}
    for camera, film in enumerate(track(footage, "watch", len(footage), "cameras")):
        watchers = {rate: Watcher(checker, WatchSettings(rate), f"camera {camera}") for rate in promises}
        perception = next(iter(watchers.values())).perception
        for number, (time, objects) in enumerate(zip(film.times.tolist(), film.frames, strict=True)):
            percept = perception.step(Frame(number, time, time, objects=objects, size=SIZE), objects)
            for rate, watcher in watchers.items():
                alarms[rate] += [
                    Alarm(camera, time, str(event.kind), event.category)
                    for event in watcher.decide(percept).events
                    if _is_alarm(event)
                ]
    return alarms


def judged_by_frame(checker: Checker, footage: Sequence[Footage]) -> dict[str, list[Alarm]]:
    """Return the alarms of each rule of `frame_rules`.

    Args:
        checker: model and calibration.
        footage: of some cameras.
    """
    assert checker.behind_detector is not None
    alarms: dict[str, list[Alarm]] = {}
    for camera, film in enumerate(footage):
        for rule, flags in Frames(checker, checker.behind_detector, film.frames).by_rule().items():
            for kind, flagged in zip(("unexpected", "missing"), flags, strict=True):
                found = alarms_of_flags(camera, film.times, kind, flagged, checker.model.classes)
                alarms.setdefault(rule, []).extend(found)
    return alarms


def trial(checker: Checker, footage: Sequence[Footage], promises: Sequence[float]) -> pd.DataFrame:
    """Return how each rule does on the footage.

    Args:
        checker: model and calibration.
        footage: of some cameras.
        promises: false alarms an hour, of a watch each.

    Returns:
        rule, promised (NaN where a rule promises nothing), kind, and what `score` gives.
    """
    by_watch = [("watch", rate, alarms) for rate, alarms in watched(checker, footage, promises).items()]
    by_frame = [(rule, np.nan, alarms) for rule, alarms in judged_by_frame(checker, footage).items()]
    return pd.DataFrame(
        [
            {"rule": rule, "promised": promised, "kind": kind, **score(footage, alarms, kinds)}
            for rule, promised, alarms in (*by_watch, *by_frame)
            for kind, kinds in KINDS.items()
        ]
    )


def _is_alarm(event: Event) -> bool:
    return event.type == EventType.NEW and event.kind in KINDS["all"]
