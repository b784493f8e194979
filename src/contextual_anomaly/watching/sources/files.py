"""Videos and images: every frame is given, as fast as it is taken."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event as Flag

from contextual_anomaly.detection.image_reading import UnreadableImage, read_image
from contextual_anomaly.detection.video import Video, VideoFault
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus


class _Files:
    """What sources of files have in common."""

    live = False
    passed_over = bad_lines = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self._closed = Flag()

    def close(self) -> None:
        """End the iteration before the next frame."""
        self._closed.set()


class VideoFile(_Files):
    """A video file."""

    def __init__(self, path: str | Path, every: float = 0.0) -> None:
        """Open the file.

        Args:
            path: the file.
            every: one frame in so many seconds is given; 0 for all.

        Raises:
            UserError: it is no video.
        """
        super().__init__(str(path))
        self.every = every
        try:
            self._video = Video(path)
        except VideoFault as fault:
            raise UserError(str(fault)) from fault
        rate = self._video.rate or None
        self.frames_per_second: float | None = min(filter(None, (rate, 1 / every if every else None)), default=None)

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield the frames, once.

        Raises:
            UserError: no frame can be decoded, or the video ends before its end.
        """
        yield SourceStatus(SourceState.OPEN, 0.0, time.time())
        due = seconds = 0.0
        try:
            for number, seconds, pixels in self._video:
                if self._closed.is_set():
                    return
                if seconds + 1e-6 < due:
                    continue
                due = seconds + self.every
                height, width = pixels.shape[:2]
                yield Frame(number, seconds, time.time(), pixels, size=(width, height))
        except VideoFault as fault:
            raise UserError(str(fault)) from fault
        finally:
            self._video.close()
        yield SourceStatus(SourceState.ENDED, seconds, time.time())


class ImageSequence(_Files):
    """Images that follow one another in time."""

    def __init__(self, name: str, paths: Sequence[Path], frames_per_second: float = 1.0) -> None:
        """Name the images.

        Args:
            name: what they are called together.
            paths: the images in their order.
            frames_per_second: how fast they follow one another.
        """
        super().__init__(name)
        self.paths, self._rate = paths, frames_per_second
        self.frames_per_second: float | None = frames_per_second

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield the images; of one that cannot be read, say so and go on.

        Raises:
            UserError: none of them can be read.
        """
        yield SourceStatus(SourceState.OPEN, 0.0, time.time())
        read, problem, seconds = 0, "", 0.0
        for number, path in enumerate(self.paths):
            if self._closed.is_set():
                return
            seconds = number / self._rate
            try:
                image = read_image(path)
            except UnreadableImage as error:
                problem = f"{path}: {error}"
                yield SourceStatus(SourceState.OPEN, seconds, time.time(), problem)
                continue
            read += 1
            yield Frame(number, seconds, time.time(), image.pixels, size=(image.width, image.height))
        if not read:
            raise UserError(f"{self.name}: no image can be read. The last: {problem}")
        yield SourceStatus(SourceState.ENDED, seconds, time.time())
