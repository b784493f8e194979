"""Cameras and streams: the newest frame first, and when they are lost, another try after a longer and longer while."""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Iterator
from threading import Condition, Thread
from urllib.parse import urlsplit

import cv2
import numpy as np

from contextual_anomaly.detection.image_reading import MAX_PIXELS
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus
from contextual_anomaly.watching.sources.addresses import without_passwords

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before the next try to open a source; each is twice as long as the one before."""
GOOD_AFTER = 5.0
"""Seconds of frames after which the next wait is the first one again."""
STALLED_AFTER = 2.0
"""Seconds without a frame."""
OPEN_TIMEOUT, READ_TIMEOUT = 10.0, 10.0
"""Seconds after which a source is given up that does not answer, or gives no frame."""
PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "http": 80, "https": 443}


class LiveSource:
    """A webcam, or a stream of the network; a thread reads it, and whoever iterates gets its newest frame.

    Attributes:
        name: its address without passwords.
        passed_over: frames that nobody took before newer ones came.
    """

    live = True
    bad_lines = 0
    frames_per_second: float | None = None

    def __init__(
        self,
        address: str | int,
        *,
        open_timeout: float = OPEN_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        first_wait: float = FIRST_WAIT,
        stalled_after: float = STALLED_AFTER,
    ) -> None:
        """Name the source, which is opened when the iteration begins.

        Args:
            address: number of a webcam, or address of a stream.
            open_timeout: seconds after which a stream that does not answer is given up.
            read_timeout: seconds after which a stream that gives no frame is given up.
            first_wait: seconds before the second try.
            stalled_after: seconds without a frame after which the source is called stalled.
        """
        self.name = without_passwords(str(address)) if isinstance(address, str) else f"camera {address}"
        self.passed_over = 0
        self._address = address
        self._timeouts = open_timeout, read_timeout
        self._first_wait, self._stalled_after = first_wait, stalled_after
        self._condition = Condition()
        self._news: deque[SourceStatus] = deque()
        self._newest: Frame | None = None
        self._open = self._closed = self._finished = False
        self._fault: Exception | None = None
        self._begin = 0.0
        self._number = 0
        _keep_quiet()

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield the newest frame that is not yet taken, and changes of the state.

        Raises:
            UserError: there is no such camera, or the stream gives no pictures that can be used.
        """
        self._begin = time.monotonic()
        reader = Thread(target=self._read, name=f"reader of {self.name}", daemon=True)
        reader.start()
        stalled = False
        try:
            while True:
                with self._condition:
                    ready = self._condition.wait_for(
                        lambda: self._news or self._newest or self._finished or self._closed,
                        None if stalled or not self._open else self._stalled_after,
                    )
                    if self._closed:
                        return
                    news = self._news.popleft() if self._news else None
                    frame = None
                    if news is None:
                        frame, self._newest = self._newest, None
                    finished = self._finished
                if news is not None:
                    stalled = False
                    yield news
                elif frame is not None:
                    if stalled:
                        stalled = False
                        yield self._status(SourceState.OPEN, "frames come again")
                    yield frame
                elif finished:
                    if self._fault is not None:
                        raise self._fault
                    return
                elif not ready and self._open:
                    stalled = True
                    yield self._status(SourceState.STALLED, f"no frame for {self._stalled_after:g} s")
        finally:
            self.close()
            # A read that hangs ends by its time-out; nobody waits for it.
            reader.join(1.0)

    def close(self) -> None:
        """End the iteration and let go of the source."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _read(self) -> None:
        """Open the source and read frames, again and again."""
        wait, tried = self._first_wait, False
        try:
            while not self._closed:
                capture, problem = self._opened(), ""
                if capture is None:
                    problem = self._why_not()
                    if isinstance(self._address, int) and not tried:
                        raise UserError(f"{self.name}: {problem}")
                else:
                    try:
                        lasted, problem = self._frames_of(capture)
                    finally:
                        capture.release()
                    if not problem:  # the end of a file that was read over the network
                        self._tell(SourceState.ENDED)
                        break
                    if lasted >= GOOD_AFTER:
                        wait = self._first_wait
                tried = True
                self._tell(SourceState.RECONNECTING, f"{problem}; next try in {wait:g} s")
                with self._condition:
                    self._condition.wait_for(lambda: self._closed, wait)
                wait = min(2 * wait, LONGEST_WAIT)
        except Exception as fault:  # whoever iterates raises it
            self._fault = fault
        with self._condition:
            self._finished = True
            self._condition.notify_all()

    def _frames_of(self, capture: cv2.VideoCapture) -> tuple[float, str]:
        """Read frames until there are no more.

        Returns:
            For how many seconds they came, and why there are no more; "" at the end of a file.
        """
        first = time.monotonic()
        before = self._number
        claimed = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        while not self._closed:
            try:
                read, pixels = capture.read()
            except cv2.error as error:
                read, pixels = False, np.empty((0, 0))
                logger.debug(without_passwords(str(error)))
            if not read:
                break
            if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
                raise UserError(
                    f"{self.name}: frames of {pixels.shape[1]:,} × {pixels.shape[0]:,} pixels are too large."
                )
            if self._number == before:
                self._tell(SourceState.OPEN)
            self._put(pixels)
        self._open = False
        frames = self._number - before
        if frames and 0 < claimed <= frames + 2:
            return time.monotonic() - first, ""
        return time.monotonic() - first, "the connection was lost" if frames else "it gives no pictures"

    def _put(self, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        frame = Frame(self._number, time.monotonic() - self._begin, time.time(), pixels, size=(width, height))
        with self._condition:
            self._number += 1
            self.passed_over += self._newest is not None
            self._newest = frame
            self._condition.notify_all()

    def _status(self, state: SourceState, message: str = "") -> SourceStatus:
        return SourceStatus(state, time.monotonic() - self._begin, time.time(), message)

    def _tell(self, state: SourceState, message: str = "") -> None:
        with self._condition:
            self._open = state is SourceState.OPEN
            self._news.append(self._status(state, message))
            self._condition.notify_all()

    def _opened(self) -> cv2.VideoCapture | None:
        """Return the opened source; None if it cannot be opened."""
        try:
            if isinstance(self._address, int):
                capture = cv2.VideoCapture(self._address)
                capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            else:
                opening, reading = (round(1000 * seconds) for seconds in self._timeouts)
                times = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, opening, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading]
                # Other readers of OpenCV would take the address for the name of a file, and print it.
                capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, times)
        except cv2.error as error:
            logger.debug(without_passwords(str(error)))
            return None
        if capture.isOpened():
            return capture
        capture.release()
        return None

    def _why_not(self) -> str:
        """Say why a source could not be opened, as far as a connection tells."""
        if isinstance(self._address, int):
            there = sorted(name for name in _devices() if name.startswith("video"))
            found = f"there are {', '.join(f'/dev/{name}' for name in there)}" if there else "there is none"
            return f"this camera cannot be opened; {found} (is it plugged in, and free?)"
        try:
            parts = urlsplit(self._address)
            host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            return "no valid address"
        if parts.scheme not in PORTS:
            return "the stream cannot be opened"
        try:
            socket.create_connection((host, port), self._timeouts[0]).close()
        except socket.gaierror:
            return f"the host {host} is not known"
        except OSError as error:
            return f"no connection to {host}, port {port} ({error.strerror or 'no answer in time'})"
        return f"{host} answers, but with no stream that can be read (wrong path, user or password?)"


def _devices() -> list[str]:
    try:
        return os.listdir("/dev")
    except OSError:
        return []


def _keep_quiet() -> None:
    """Keep OpenCV and its FFmpeg from writing to standard error, where they name addresses with their passwords."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # AV_LOG_QUIET; read when the first stream is opened
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
