"""Frames of a source, and what becomes of the source itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from contextual_anomaly.checking.objects import ImageObjects


@dataclass(frozen=True)
class Frame:
    """What a source shows at one moment.

    Attributes:
        number: of the frame, from 0 on; frames that were passed over count.
        seconds: when it is shown: of a file since its beginning, of a live source since the watch began.
        timestamp: when it was taken, in seconds since 1970 (UTC); of a file, when it was read.
        pixels: [height, width, 3] blue, green, red, uint8; None where only objects come.
        objects: what a detector elsewhere found; None where the watch detects itself.
        size: width and height in pixels; None where nobody says.
    """

    number: int
    seconds: float
    timestamp: float
    pixels: np.ndarray | None = None
    objects: ImageObjects | None = None
    size: tuple[int, int] | None = None


class SourceState(StrEnum):
    """States of a source."""

    OPENING = "opening"
    OPEN = "open"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


@dataclass(frozen=True)
class SourceStatus:
    """A change of the state of a source.

    Attributes:
        state: the new one.
        seconds: when, as in `Frame`.
        timestamp: when, as in `Frame`.
        message: why, in words; without passwords.
    """

    state: SourceState
    seconds: float
    timestamp: float
    message: str = ""


class Source(Protocol):
    """A camera, a video, a folder, or a stream of detections.

    Attributes:
        name: its address without passwords.
        live: whether frames come whether or not somebody takes them: then the newest is given, and others are passed over.
        frames_per_second: that it gives; None if it is not known.
        passed_over: frames of a live source that nobody took before newer ones came.
        bad_lines: lines of a stream that could not be read.
    """

    name: str
    live: bool
    frames_per_second: float | None
    passed_over: int
    bad_lines: int

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield frames and changes of the state, until the source ends or is closed."""
        ...

    def close(self) -> None:
        """Let go of everything, also from another thread; the iteration then ends."""
        ...
