"""Videos and images: every frame is given, as fast as it is taken."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event as Flag

from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Frame, SourceState, SourceStatus


class _Files:
    """What sources of files have in common."""

    live = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._closed = Flag()

    def close(self) -> None:
        """End the iteration before the next frame."""
        self._closed.set()


class VideoFile(_Files):
    """A video file."""

    def __init__(self, path: str | Path, every: float = 0.0) -> None:
        """Name the file, which is opened with the first frame.

        Args:
            path: the file.
            every: one frame in so many seconds is given; 0 for all.
        """
        super().__init__(str(path))
        self.every = every

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield the frames.

        Raises:
            UserError: it is no video, or it ends before its end.
        """
        from contextual_anomaly.detection.video import Video, VideoFault

        try:
            video = Video(self.name)
            yield SourceStatus(SourceState.OPEN, 0.0, time.time())
            due = seconds = 0.0
            try:
                for number, seconds, pixels in video:
                    if self._closed.is_set():
                        return
                    if seconds + 1e-6 < due:
                        continue
                    due = seconds + self.every
                    height, width = pixels.shape[:2]
                    yield Frame(number, seconds, time.time(), pixels, size=(width, height))
            finally:
                video.close()
        except VideoFault as fault:
            raise UserError(str(fault)) from fault
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
        self.paths, self.frames_per_second = paths, frames_per_second

    def __iter__(self) -> Iterator[Frame | SourceStatus]:
        """Yield the images; of one that cannot be read, say so and go on.

        Raises:
            UserError: none of them can be read.
        """
        from contextual_anomaly.detection.image_reading import UnreadableImage, read_image

        yield SourceStatus(SourceState.OPEN, 0.0, time.time())
        read, problem, seconds = 0, "", 0.0
        for number, path in enumerate(self.paths):
            if self._closed.is_set():
                return
            seconds = number / self.frames_per_second
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
