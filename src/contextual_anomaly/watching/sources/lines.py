r"""Detections of a detector elsewhere, one frame a line, on standard input or in a file.

Each line is a JSON object; what `check -` takes is taken here as well:

| field | what it is |
| --- | --- |
| `objects` (or `detections`, `predictions`) | a list of `{"category", "score", "box": [x, y, width, height]}` in pixels; empty where nothing was found |
| `width`, `height` | of the picture in pixels |
| `seconds` | when the frame is shown, since the beginning |
| `timestamp` | when it was taken: seconds since 1970, or ISO 8601 as `2026-11-26T20:15:00Z`; without `seconds`, time is counted from the first one |
| `frame` | number of the frame; otherwise lines are counted |

Without `seconds` and `timestamp`, a line is as old as its arrival. A line that cannot be read is said and passed over, and
the stream goes on. Where time goes back, as after a restart of the detector, it is counted on from the last line.
"""

import io
import logging
import os
import select
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any, BinaryIO

from contextual_anomaly.checking.objects import BadObjects, as_number, objects_of_json
from contextual_anomaly.checking.stream import decode_line
from contextual_anomaly.runtime.lines import lines_of
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus

logger = logging.getLogger(__name__)

SAID = 10
"""Bad lines that are said one by one; of more, one in a hundred is."""


class DetectionLines:
    """Frames of a stream of lines; `bad_lines` counts those that could not be read."""

    live = False
    passed_over = 0

    def __init__(self, name: str, stream: BinaryIO, frames_per_second: float | None = None) -> None:
        """Take a stream, which `close` closes.

        Args:
            name: what it is called.
            stream: the lines.
            frames_per_second: how fast lines without times follow one another; None if they are as old as their arrival.
        """
        self.name, self.bad_lines = name, 0
        self._stream, self.frames_per_second = stream, frames_per_second
        self._closed = False

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield a frame for each line that can be read."""
        yield SourceStatus(SourceState.OPEN, 0.0, time.time())
        clock = _Clock(self.frames_per_second)
        try:
            for number, line in lines_of(self._stream):
                if self._closed:
                    return
                try:
                    yield self._frame(number, decode_line(line), clock)
                except BadObjects as error:
                    self._say(number, str(error))
        finally:
            self._stream.close()
        yield SourceStatus(SourceState.ENDED, clock.seconds, time.time())

    def close(self) -> None:
        """End the iteration; one that waits for a line of `standard_input` does not wait for it."""
        self._closed = True
        if isinstance(raw := getattr(self._stream, "raw", None), _StandardInput):
            raw.wake()

    def _frame(self, number: int, value: Any, clock: "_Clock") -> Frame:
        objects = objects_of_json(value)
        for problem in objects.problems:
            self._say(number, problem.message)
        fields = value if isinstance(value, Mapping) else {}
        counted = fields.get("frame")
        frame = counted if isinstance(counted, int) and not isinstance(counted, bool) else number - 1
        seconds, timestamp = clock.take(fields, number - 1)
        return Frame(frame, seconds, timestamp, objects=objects, size=objects.size)

    def _say(self, number: int, problem: str) -> None:
        self.bad_lines += 1
        if self.bad_lines <= SAID or self.bad_lines % 100 == 0:
            so_far = f" ({self.bad_lines:,} so far)" if self.bad_lines > SAID else ""
            logger.warning(f"error: {self.name}, line {number}: {problem}{so_far}")


class _Clock:
    """The time of lines, which never goes back."""

    def __init__(self, frames_per_second: float | None) -> None:
        self.seconds = 0.0
        self._rate = frames_per_second
        self._arrival = time.monotonic()
        self._first_timestamp: float | None = None
        self._offset = 0.0

    def take(self, fields: Mapping[str, Any], number: int) -> tuple[float, float]:
        """Return seconds and timestamp of a line.

        Raises:
            BadObjects: a time is none.
        """
        seconds, timestamp = _time_in(fields, "seconds"), _time_in(fields, "timestamp")
        if seconds is None and timestamp is not None:
            self._first_timestamp = timestamp if self._first_timestamp is None else self._first_timestamp
            seconds = timestamp - self._first_timestamp
        elif seconds is None:
            seconds = number / self._rate if self._rate else time.monotonic() - self._arrival
        if seconds + self._offset < self.seconds - 1e-6:
            logger.warning(
                f"time goes back from {self.seconds:.1f} s to {seconds + self._offset:.1f} s, and is counted on"
            )
            self._offset = self.seconds - seconds
        self.seconds = max(self.seconds, seconds + self._offset)
        return self.seconds, time.time() if timestamp is None else timestamp


def _time_in(fields: Mapping[str, Any], name: str) -> float | None:
    """Return a time in seconds; None if there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if name == "timestamp" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    number = as_number(value)
    if number is None:
        raise BadObjects(f"{name}: seconds were expected, found {value!r:.60}.")
    return number


def standard_input() -> BinaryIO:
    """Return standard input as a stream of which `DetectionLines.close` ends a read that waits.

    The buffer of `sys.stdin` would be locked by such a read, and Python does not end while it is.
    """
    return io.BufferedReader(_StandardInput())


class _StandardInput(io.RawIOBase):
    """File descriptor 0, whose reads end when it is woken."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._woken, self._wake = os.pipe()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ready, _, _ = select.select([0, self._woken], [], [])
        return 0 if self._woken in ready else os.readv(0, [buffer])

    def wake(self) -> None:
        with self._lock:
            if not self.closed:
                os.write(self._wake, b"x")

    def close(self) -> None:
        with self._lock:
            if not self.closed:
                os.close(self._woken)
                os.close(self._wake)
            super().close()
