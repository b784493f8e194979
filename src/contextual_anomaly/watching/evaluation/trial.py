"""Watch footage with several promises at once, and judge it frame by frame beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.detectors import ChosenDetector
from contextual_anomaly.detection.image_detector import ImageDetector
from contextual_anomaly.models.detection_calibration import calibrate_detections
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.watching.evaluation.footage import SIZE, Footage, film, film_pixels, ordinary_images
from contextual_anomaly.watching.evaluation.frame_rules import Frames
from contextual_anomaly.watching.evaluation.scoring import Alarm, alarms_of_flags, score
from contextual_anomaly.watching.events import EventType
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.track_calibration import TrackCalibration
from contextual_anomaly.watching.watcher import Watcher, WatchSettings
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.videos import sample_video

KINDS = {"all": ("unexpected", "missing"), "unexpected": ("unexpected",), "missing": ("missing",)}
"""Kinds of alarms of each row of the table."""
DETECTOR = "simulated"
"""Name of the simulated detector."""
BY_VISITS, BY_IMAGES, BY_CAMERA = (f"watch, calibrated on {what}" for what in ("other cameras", "images", "the camera"))
"""The watch by what it is calibrated on: ordinary footage of other cameras, single images, or ordinary footage of its own."""


@dataclass(frozen=True)
class Plan:
    """How much footage of what kind.

    Attributes:
        cameras: each at a place that is left to chance.
        seconds: of each.
        frames_per_second: of each.
        anomalies_per_hour: mean number of planted ones.
        calibration_images: single images, from which the calibration behind the simulated detector is made.
        calibration_seconds: ordinary footage of each of as many other cameras, from which the calibration on visits is made.
        own_seconds: ordinary footage of each camera, for a calibration of its own; 0 leaves that out.
        promises: false alarms an hour, of a watch each.
        seed: of all random numbers.
    """

    cameras: int
    seconds: float
    frames_per_second: float
    anomalies_per_hour: float
    calibration_images: int
    calibration_seconds: float
    own_seconds: float
    promises: tuple[float, ...]
    seed: int


def behind_simulated(world: World, checker: Checker, images: int, minimum_classes: int, seed: int) -> Checker:
    """Return a checker that is calibrated behind the simulated detector.

    Args:
        world: the world.
        checker: the model.
        images: of the calibration.
        minimum_classes: images with fewer reported classes are left out.
        seed: of the images.
    """
    scenes, variant = ordinary_images(world, images, seed), checker.model.variants[checker.variant]
    made = calibrate_detections(checker.model, variant.bottleneck, scenes, minimum_classes, DETECTOR)
    return replace(checker, behind_detector=made, detector=ChosenDetector(DETECTOR, given=True))


def trial(world: World, checker: Checker, plan: Plan) -> pd.DataFrame:
    """Try each rule on footage as detections.

    Args:
        world: the world.
        checker: model, and calibration behind the simulated detector.
        plan: what to film.

    Returns:
        footage, rule, promised (NaN where a rule promises nothing), kind, and what `score` gives.
    """
    footage: list[Footage] = []
    alarms: dict[tuple[str, float], list[Alarm]] = {}
    cameras = range(plan.cameras)
    others = [
        _calibrated(world, checker, plan, plan.calibration_seconds, [plan.seed, 0xCA1, camera], None)
        for camera in track(cameras, "calibrate", plan.cameras, "cameras")
    ]
    together = TrackCalibration.together(others)
    for camera in track(cameras, "watch", plan.cameras, "cameras"):
        own = [plan.seed, camera]
        video = sample_video(world, plan.seconds, plan.anomalies_per_hour, np.random.default_rng(own))
        footage.append(film(world, video, plan.frames_per_second, [*own, 1]))
        calibrations = {BY_VISITS: together, BY_IMAGES: None}
        if plan.own_seconds:
            calibrations[BY_CAMERA] = _calibrated(world, checker, plan, plan.own_seconds, own, video.scene_type)
        _add(alarms, checker, camera, footage[-1], plan.promises, calibrations)
    return _table("detections", footage, alarms)


def trial_of_pixels(
    world: World, checker: Checker, plan: Plan, seconds: float, detector: ImageDetector
) -> pd.DataFrame:
    """Try each rule on rendered footage of one camera, through a detector; see `trial`.

    Args:
        world: the world.
        checker: model, and calibration behind the detector.
        plan: frames and anomalies.
        seconds: of footage.
        detector: a network for images of the world.
    """
    video = sample_video(world, seconds, plan.anomalies_per_hour, np.random.default_rng([plan.seed, 0xF11]))
    footage = film_pixels(world, video, plan.frames_per_second, plan.seed, detector)
    alarms: dict[tuple[str, float], list[Alarm]] = {}
    _add(alarms, checker, 0, footage, plan.promises, {BY_IMAGES: None})
    return _table("pixels", [footage], alarms)


def _calibrated(
    world: World, checker: Checker, plan: Plan, seconds: float, seed: Sequence[int], scene_type: int | None
) -> TrackCalibration:
    """Return the calibration of a camera, from ordinary footage."""
    video = sample_video(world, seconds, 0, np.random.default_rng([*seed, 2]), scene_type=scene_type)
    footage = film(world, video, plan.frames_per_second, [*seed, 3])
    watcher = Watcher(checker, WatchSettings(), "calibration")
    for frame in _frames(footage):
        watcher.decide(watcher.perception.step(frame, frame.objects))
    watcher.close()
    return watcher.own_calibration()


def _add(
    alarms: dict[tuple[str, float], list[Alarm]],
    checker: Checker,
    camera: int,
    footage: Footage,
    promises: Sequence[float],
    calibrations: Mapping[str, TrackCalibration | None],
) -> None:
    """Add what each rule says of the footage of one camera."""
    watchers = {
        (name, rate): Watcher(checker, WatchSettings(rate), name, calibration)
        for name, calibration in calibrations.items()
        for rate in promises
    }
    perception = next(iter(watchers.values())).perception  # all watchers see the same
    for frame in _frames(footage):
        percept = perception.step(frame, frame.objects)
        for rule, watcher in watchers.items():
            told = [event for event in watcher.decide(percept) if event.type == EventType.NEW]
            alarms.setdefault(rule, []).extend(
                Alarm(camera, frame.seconds, str(event.kind), event.category) for event in told
            )
    assert checker.behind_detector is not None
    for name, flags in Frames(checker, checker.behind_detector, footage.frames).by_rule().items():
        for kind, flagged in zip(("unexpected", "missing"), flags, strict=True):
            found = alarms_of_flags(camera, footage.times, kind, flagged, checker.model.classes)
            alarms.setdefault((name, np.nan), []).extend(found)


def _frames(footage: Footage) -> list[Frame]:
    pixels = footage.pixels or [None] * len(footage.frames)
    rows = zip(footage.times.tolist(), footage.frames, pixels, strict=True)
    return [Frame(number, time, time, image, objects, SIZE) for number, (time, objects, image) in enumerate(rows)]


def _table(name: str, footage: Sequence[Footage], alarms: dict[tuple[str, float], list[Alarm]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"footage": name, "rule": rule, "promised": promised, "kind": kind, **score(footage, found, kinds)}
            for (rule, promised), found in alarms.items()
            for kind, kinds in KINDS.items()
        ]
    )
