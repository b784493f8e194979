"""The loop of a watch: frames, their objects, what the watcher says of them, and whoever wants to know."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from contextual_anomaly.detection.image_detector import ImageDetector
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.detecting import detect_frames
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.frames import Frame, Source, SourceState, SourceStatus
from contextual_anomaly.watching.pictures import ScenePicture
from contextual_anomaly.watching.receivers import Receiver
from contextual_anomaly.watching.scene import Scene
from contextual_anomaly.watching.state import LiveState
from contextual_anomaly.watching.video_out import VideoOut
from contextual_anomaly.watching.zones import Zone, zone_of

logger = logging.getLogger(__name__)

CLOSING = 5.0
"""Seconds that receivers have at the end to deliver what is left."""


class WatchLoop:
    """Frames in, events out; iterating it is the watch.

    Attributes:
        state: what is known at this moment, for other threads.
    """

    def __init__(
        self,
        source: Source,
        watcher: Any,
        detector: ImageDetector | None,
        state: LiveState,
        *,
        receivers: Sequence[Receiver] = (),
        snapshots: Callable[[Event, bytes], str] | None = None,
        video: VideoOut | None = None,
        zones: Sequence[Zone] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Put together what a watch is made of.

        Args:
            source: what is watched.
            watcher: a `Watcher`.
            detector: finds the objects of frames that come without.
            state: is told everything.
            receivers: are told the events.
            snapshots: keeps the picture (JPEG) of an event and returns its path.
            video: is given every picture.
            zones: objects outside of them are no events; without zones, all are.
            stopped: asked some times a second; the watch ends when it says yes.
        """
        self.source, self.watcher, self.detector, self.state = source, watcher, detector, state
        self._receivers, self._snapshots, self._video, self._zones = receivers, snapshots, video, zones
        self._stopped = stopped
        self._zone_of: dict[str, str | None] = {}
        self._last: Frame | None = None

    def __iter__(self) -> Iterator[Event]:
        """Yield events as they happen.

        Raises:
            UserError: the source ends with a fault, or what is written cannot be.
        """
        watched = detect_frames(self.source, self.detector, self._stopped)
        try:
            for item in watched:
                if isinstance(item, SourceStatus):
                    self._change_source(item)
                    continue
                self._last = item.frame
                with self.state.watching:
                    step = self.watcher.step(item.frame, item.objects)
                yield from self._tell(item.frame, step.scene, step.events)
            yield from self._ends()
        except BaseException:
            watched.close()
            for fault in self._close():  # what came first is raised
                logger.debug(f"while closing: {fault}")
            raise
        watched.close()
        if faults := self._close():
            raise faults[0]

    def _tell(self, frame: Frame, scene: Scene, events: Sequence[Event]) -> list[Event]:
        """Tell everybody of a frame and return its events."""
        events = list(filter(None, (self._in_zone(event, frame) for event in events)))
        picture = ScenePicture(frame, scene)
        shots: dict[str, bytes] = {}
        told = []
        for event in events:
            if frame.pixels is not None and event.type is not EventType.END:
                jpeg = picture.jpeg
                shots[event.id] = jpeg
                if self._snapshots is not None:
                    event = replace(event, snapshot=self._snapshots(event, jpeg))
            told.append(event)
        if self._video is not None:
            self._video.write(frame.seconds, picture)
        self._hand_over(frame, scene, told, shots)
        return told

    def _hand_over(self, frame: Frame, scene: Scene, events: Sequence[Event], shots: dict[str, bytes]) -> None:
        """Tell receivers and state."""
        for receiver in self._receivers:
            for event in events:
                receiver.take(event)
        states = {receiver.name: receiver.state() for receiver in self._receivers}
        self.state.show(
            frame,
            scene,
            events,
            shots,
            passed_over=self.source.passed_over,
            bad_lines=self.source.bad_lines,
            undelivered={name: left for name, (left, _) in states.items()},
            receivers={name: fault for name, (_, fault) in states.items() if fault},
        )

    def _in_zone(self, event: Event, frame: Frame | None) -> Event | None:
        """Return the event with its zone; None if it is of an object outside of all zones."""
        if not self._zones or event.kind is EventKind.MISSING:
            return event
        if event.type is EventType.NEW or event.id not in self._zone_of:
            self._zone_of[event.id] = zone_of(self._zones, event.box, frame and frame.size)
        zone = self._zone_of[event.id]
        if event.type is EventType.END:
            del self._zone_of[event.id]
        return None if zone is None else replace(event, zone=zone)

    def _change_source(self, status: SourceStatus) -> None:
        before = self.state.moment.status
        if status.message and status.message != before.message:
            say = logger.info if status.state in (SourceState.OPEN, SourceState.ENDED) else logger.warning
            say(f"{self.source.name}: {status.state}: {status.message}")
        elif status.state is SourceState.OPEN and before.state in (SourceState.RECONNECTING, SourceState.STALLED):
            logger.info(f"{self.source.name}: open again")
        self.state.change_source(status, bad_lines=self.source.bad_lines)
        for receiver in self._receivers:
            receiver.change_source(status)

    def _ends(self) -> list[Event]:
        """End the open events, tell everybody, and return their last messages."""
        with self.state.watching:
            events = list(filter(None, (self._in_zone(event, self._last) for event in self.watcher.close())))
        scene = self.state.moment.scene
        if self._last is not None and scene is not None and events:
            self._hand_over(self._last, scene, events, {})
        return events

    def _close(self) -> list[Exception]:
        """Let go of everything and return what failed."""
        faults: list[Exception] = []
        deadline = time.monotonic() + CLOSING
        steps: list[Callable[[], object]] = [self._ends]
        steps += [lambda r=receiver: r.close(max(deadline - time.monotonic(), 0.5)) for receiver in self._receivers]
        steps += [self._video.close] if self._video is not None else []
        for step in steps:
            try:
                step()
            except (UserError, OSError) as fault:
                faults.append(fault)
        return faults
