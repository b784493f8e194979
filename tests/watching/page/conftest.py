"""A watch whose frames the tests give, and its page."""

import time
from threading import Event, Thread

import numpy as np
import pytest

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.watching.events import EventType
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus
from contextual_anomaly.watching.page.application import new_application
from contextual_anomaly.watching.page.changes import Changes
from contextual_anomaly.watching.pictures import ScenePicture
from contextual_anomaly.watching.state import LiveState
from contextual_anomaly.watching.watcher import Watcher, WatchSettings

DESK = ("laptop", "keyboard", "mouse", "dining table", "surfboard")
BOXES = [(20, 60, 90, 60), (120, 100, 60, 20), (200, 100, 20, 15), (5, 90, 300, 140), (230, 10, 60, 200)]
SIZE = 320, 240


class Watch:
    """A desk with a surfboard, seen by a real `Watcher`.

    Attributes:
        live: what is known of it.
    """

    def __init__(self, checker: Checker, per_hour: float = 20, name: str = "desk.mp4") -> None:
        self.watcher = Watcher(checker, WatchSettings(false_alarms_per_hour=per_hour), name)
        self.live = LiveState(name, self.watcher, checker.model.name)
        self.number, self._rng = 0, np.random.default_rng(0)
        self.live.change_source(SourceStatus(SourceState.OPEN, 0.0, time.time()))

    def see(self, names=DESK, frames: int = 1, seconds: float = 0.5, pixels: bool = True) -> None:
        """Watch some frames with these objects."""
        for _ in range(frames):
            image = self._rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8) if pixels else None
            frame = Frame(self.number, seconds * self.number, time.time(), image, size=SIZE)
            objects = ImageObjects.of(names, boxes=BOXES[: len(names)], size=SIZE)
            with self.live.watching:
                step = self.watcher.step(frame, objects)
            began = [event.id for event in step.events if event.type is EventType.NEW]
            pictures = {name: ScenePicture(frame, step.scene).jpeg for name in began} if pixels else {}
            self.live.show(frame, step.scene, step.events, pictures)
            self.number += 1

    def go_on(self, stop: Event, every: float = 0.1) -> Thread:
        """See frames in another thread until told to stop."""

        def run() -> None:
            while not stop.wait(every):
                self.see()

        thread = Thread(target=run, name="watch")
        thread.start()
        return thread


@pytest.fixture(scope="session")
def small_checker() -> Checker:
    """Flags the surfboard alone."""
    return Checker.load("coco-small", detector=None)


@pytest.fixture(scope="session")
def desk_checker() -> Checker:
    """Flags the dining table and the missing chair as well."""
    return Checker.load(detector=None)


@pytest.fixture
def watch(small_checker) -> Watch:
    """A watch that has seen nothing."""
    return Watch(small_checker)


@pytest.fixture
def flagged(watch) -> Watch:
    """A watch that has flagged the surfboard."""
    watch.see(frames=8)
    assert any(found.flagged for found in watch.live.moment.scene.objects)
    return watch


@pytest.fixture
def application(watch):
    changes = Changes(watch.live)
    yield new_application(watch.live, changes)
    changes.close()
