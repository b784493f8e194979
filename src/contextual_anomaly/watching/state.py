"""What a watch knows at this moment, for pages, metrics and whoever else looks on from another thread."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Condition, RLock
from typing import Any

from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus
from contextual_anomaly.watching.scene import Scene

EVENTS_KEPT = 1000
"""Messages of events that are kept for whoever looks on."""
SNAPSHOTS_KEPT = 200
RATE_OVER = 5.0
"""Seconds over which the rate of frames is counted."""


@dataclass(frozen=True)
class Counters:
    """What has been counted since the watch began.

    Attributes:
        frames: frames that were watched.
        passed_over: frames of a live source that were not, because newer ones were there.
        connections: how often the source was opened.
        bad_lines: lines of a stream that could not be read.
        events: messages of events.
        frames_per_second: watched in the last seconds.
        undelivered: messages that wait for each receiver, by its name.
        receivers: what is wrong with receivers, by their names; nothing of those that take what they get.
    """

    frames: int = 0
    passed_over: int = 0
    connections: int = 0
    bad_lines: int = 0
    events: int = 0
    frames_per_second: float = 0.0
    undelivered: dict[str, int] = field(default_factory=dict)
    receivers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """What is known at one moment; it is replaced and never changed.

    Attributes:
        version: grows with each change.
        frame: the newest watched frame, with its pixels where there are some; None before the first.
        scene: what is seen in it.
        status: the last change of the source's state.
        counters: what has been counted.
    """

    version: int
    frame: Frame | None
    scene: Scene | None
    status: SourceStatus
    counters: Counters


class LiveState:
    """The newest moment and the last events; safe to use from any thread.

    Attributes:
        source: name of what is watched, without passwords.
        model, detector: names of what answers.
        live: whether the source's seconds are those of the clock.
        started: when the watch began, in seconds since 1970.
    """

    def __init__(
        self,
        source: str,
        watcher: Any = None,
        model: str | None = None,
        detector: str | None = None,
        live: bool = False,
    ) -> None:
        """Begin with nothing seen.

        Args:
            source: name of what is watched, without passwords.
            watcher: the `Watcher` that answers.
            model: name of the context model.
            detector: name of the detector.
            live: whether the source's seconds are those of the clock.
        """
        self.source, self.model, self.detector, self.live = source, model, detector, live
        self.started = time.time()
        self.watching = RLock()
        """Held while the watcher works: a frame, a question of the page, a calibration point."""
        self._watcher = watcher
        self._changed = Condition()
        status = SourceStatus(SourceState.OPENING, 0.0, self.started)
        self._moment = Moment(0, None, None, status, Counters())
        self._events: deque[tuple[int, Event]] = deque(maxlen=EVENTS_KEPT)
        self._snapshots: dict[str, bytes] = {}
        self._listeners: list[Callable[[], None]] = []
        self._times: deque[float] = deque()

    @property
    def moment(self) -> Moment:
        """The newest moment."""
        return self._moment

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the model knows."""
        return () if self._watcher is None else tuple(self._watcher.checker.model.classes)

    def wait(self, after: int, timeout: float) -> Moment:
        """Return the newest moment as soon as its version is greater than `after`, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._moment.version > after, timeout)
            return self._moment

    def events(self, after: int = 0) -> list[tuple[int, Event]]:
        """Return number and message of the events that came after a number; numbers begin with 1."""
        with self._changed:
            return [(number, event) for number, event in self._events if number > after]

    def snapshot(self, event_id: str) -> bytes | None:
        """Return the picture of an event as JPEG; None if there is none, or no longer."""
        with self._changed:
            return self._snapshots.get(event_id)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function at each change, from the watching thread, and return one that ends this.

        Args:
            listener: must return at once and raise nothing.
        """
        with self._changed:
            self._listeners.append(listener)

        def end() -> None:
            with self._changed:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def belongs_here(self, event_id: str) -> Any:
        """Take the object of an event as ordinary, as `Watcher.belongs_here` does."""
        with self.watching:
            return self._watcher.belongs_here(event_id)

    def what_if(self, *arguments: Any, **options: Any) -> Any:
        """Answer for a changed scene, as `Watcher.what_if` does."""
        with self.watching:
            return self._watcher.what_if(*arguments, **options)

    def show(
        self, frame: Frame, scene: Scene, events: Sequence[Event], snapshots: dict[str, bytes], **counted: Any
    ) -> None:
        """Take a watched frame, or more of the last one.

        Args:
            frame: the frame.
            scene: what is seen in it.
            events: messages that it gave.
            snapshots: pictures (JPEG) of events, by their ids.
            **counted: counters that are known anew.
        """
        now = time.monotonic()
        with self._changed:
            counters = self._moment.counters
            if frame is not self._moment.frame:
                counters = replace(counters, frames=counters.frames + 1)
                self._times.append(now)
            while self._times and now - self._times[0] > RATE_OVER:
                self._times.popleft()
            over = now - self._times[0] if self._times else 0.0
            for event in events:
                counters = replace(counters, events=counters.events + 1)
                self._events.append((counters.events, event))
            for event_id, picture in snapshots.items():
                self._snapshots.pop(event_id, None)
                self._snapshots[event_id] = picture
            while len(self._snapshots) > SNAPSHOTS_KEPT:
                del self._snapshots[next(iter(self._snapshots))]
            rate = (len(self._times) - 1) / over if over > 0 else 0.0
            counters = replace(counters, frames_per_second=rate, **counted)
            self._change(frame=frame, scene=scene, counters=counters)

    def change_source(self, status: SourceStatus, **counted: Any) -> None:
        """Take a change of the source's state."""
        with self._changed:
            counters = self._moment.counters
            if status.state is SourceState.OPEN:
                counters = replace(counters, connections=counters.connections + 1)
            self._change(status=status, counters=replace(counters, **counted))

    def _change(self, **changes: Any) -> None:
        """Replace the moment and say so; the condition is held."""
        self._moment = replace(self._moment, version=self._moment.version + 1, **changes)
        self._changed.notify_all()
        for listener in self._listeners:
            listener()
