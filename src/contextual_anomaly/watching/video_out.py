"""What is watched as a video: boxes, and a panel with reasons and missing classes; written by a thread of its own."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Thread

import cv2
import numpy as np

from contextual_anomaly.detection.video import CODECS, open_writer
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.system_errors import in_words
from contextual_anomaly.watching.pictures import ScenePicture

AHEAD = 4
"""Pictures that wait for the encoder."""
LONGEST_GAP = 2.0
"""Seconds that a picture stands at most; a longer interruption is cut out."""
RESERVE = 16_000_000
"""Bytes of the disk that stay free, with which a video that ends there is closed and can be read."""


class VideoOut:
    """A video whose pictures are shown as long as they were there."""

    def __init__(self, path: Path, frames_per_second: float, live: bool) -> None:
        """Check that the video can be written; it is opened with the first picture, whose size it takes.

        Args:
            path: the file; its ending chooses the codec.
            frames_per_second: of the video; pictures that come faster are left out.
            live: whether pictures are left out where the encoder is too slow, in place of waiting for it.

        Raises:
            UserError: the ending is not known, or there is no such folder and none can be made.
        """
        if path.suffix.lower() not in CODECS:
            raise UserError(f"{path}: a name that ends in {', '.join(CODECS)} was expected.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()  # OpenCV would not say why it cannot be written
        except OSError as error:
            raise UserError(in_words(error, path)) from error
        self.path, self.rate, self._live = path, frames_per_second, live
        self._first: float | None = None
        self._frames = 0  # of the video, those that wait among them
        self._fault: Exception | None = None
        self._queue: Queue[tuple[np.ndarray, int] | None] = Queue(AHEAD)
        self._thread = Thread(target=self._write, name="video", daemon=True)
        self._thread.start()

    def write(self, seconds: float, picture: ScenePicture) -> None:
        """Take a picture.

        Args:
            seconds: when it is shown.
            picture: the picture.

        Raises:
            UserError: the video cannot be written any more.
        """
        if self._fault is not None:
            raise self._fault
        if picture.frame.pixels is None:
            return
        self._first = seconds if self._first is None else self._first
        due = round((seconds - self._first) * self.rate)
        if due < self._frames:
            return
        repeats = due - self._frames + 1
        longest = max(round(LONGEST_GAP * self.rate), 1)
        if repeats > longest:
            self._first += (repeats - longest) / self.rate
            repeats = longest
        while True:
            try:
                self._queue.put((picture.drawn, repeats), timeout=0 if self._live else 1.0)
                break
            except Full:
                if self._live:
                    return
                if self._fault is not None:
                    raise self._fault from None
        self._frames += repeats

    def close(self) -> None:
        """Write what is left and finish the file.

        Raises:
            UserError: it could not be written whole.
        """
        while self._thread.is_alive():
            with suppress(Full):
                self._queue.put(None, timeout=0.2)
                self._thread.join()
        if self._fault is not None:
            raise self._fault
        if not self._frames:
            self.path.unlink(missing_ok=True)  # nothing was seen
            return
        video = cv2.VideoCapture(str(self.path))
        claimed = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
        video.release()
        if claimed < self._frames * 0.98 - 2:  # OpenCV does not say that it could not write
            raise UserError(
                f"{self.path}: only {max(claimed, 0):,} of {self._frames:,} frames could be written. Is the disk full, or "
                "the size of a file limited?"
            )

    def _write(self) -> None:
        writer: cv2.VideoWriter | None = None
        size, looked = (0, 0), 0.0
        try:
            while (item := self._queue.get()) is not None:
                picture, repeats = item
                if writer is None:
                    size = picture.shape[1], picture.shape[0]
                    writer = open_writer(self.path, self.rate, size)
                if (picture.shape[1], picture.shape[0]) != size:
                    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                if time.monotonic() - looked > 1.0:
                    looked = time.monotonic()
                    if shutil.disk_usage(self.path.parent).free < RESERVE:
                        raise UserError(
                            f"{self.path}: no space left on the device. The video ends here; it is closed and can be read."
                        )
                for _ in range(repeats):
                    writer.write(picture)
        except Exception as fault:  # raised where pictures are taken
            self._fault = fault if isinstance(fault, UserError) else UserError(f"{self.path}: {fault}")
        finally:
            if writer is not None:
                writer.release()
