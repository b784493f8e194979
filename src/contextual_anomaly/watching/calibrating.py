"""The camera as its own calibration: watch for a while, take what was seen as ordinary, and go on by it."""

import logging
from pathlib import Path
from typing import Any

from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.track_calibration import write_track_calibration
from contextual_anomaly.watching.watcher import Step, Watcher

logger = logging.getLogger(__name__)


class CalibratingWatcher:
    """A `Watcher` that is replaced by one of its own calibration after some time; events are told before as well."""

    def __init__(self, watcher: Watcher, source: str, seconds: float, path: Path | None) -> None:
        """Begin.

        Args:
            watcher: watches until then.
            source: what is watched, without passwords.
            seconds: of the source, that are taken as ordinary.
            path: where the calibration is written; None if it is used in this watch alone.
        """
        self.checker = watcher.checker
        self._watcher, self._source, self._seconds, self._path = watcher, source, seconds, path
        self._first: float | None = None
        self._calibrated = False

    def step(self, frame: Frame, objects: ImageObjects | None) -> Step:
        """Take the next frame."""
        step = self._watcher.step(frame, objects)
        self._first = frame.seconds if self._first is None else self._first
        if self._calibrated or frame.seconds - self._first < self._seconds:
            return step
        old, ends = self._watcher, self._calibrate()
        self._watcher = Watcher(old.checker, old.settings, self._source, old.own_calibration())
        self._watcher.perception = old.perception  # what is followed is followed on
        return Step((*step.events, *ends), step.scene)

    def close(self) -> tuple[Event, ...]:
        """Return the ends of the open events; the calibration is written in any case."""
        if self._calibrated or self._first is None:
            return self._watcher.close()
        logger.warning(f"the source has ended before {self._seconds:g} s: the calibration is of less")
        return self._calibrate()

    def belongs_here(self, event_id: str) -> bool:
        """Take an event as ordinary."""
        return self._watcher.belongs_here(event_id)

    def what_if(self, *arguments: Any, **options: Any) -> Any:
        """Answer for a changed scene."""
        return self._watcher.what_if(*arguments, **options)

    def _calibrate(self) -> tuple[Event, ...]:
        """Close the watcher, and keep its calibration."""
        self._calibrated = True
        ends = self._watcher.close()
        own = self._watcher.own_calibration()
        unexpected, missing = own.lowest_rates
        logger.info(
            f"calibrated on {len(own.unexpected.scores):,} visits and {len(own.missing.scores):,} scenes in "
            f"{own.seconds / 60:.1f} min: false alarms an hour can be promised from {unexpected:.2g} on for unexpected "
            f"objects, and from {missing:.2g} on for missing classes"
        )
        if self._path is not None:
            write_track_calibration(own, self._path)
            logger.info(f"written: {self._path}; give it as --calibration from now on")
        return ends
