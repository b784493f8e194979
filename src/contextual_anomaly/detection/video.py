"""Read videos, and tell an end from a fault; write videos that players open."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from contextual_anomaly.detection.image_reading import MAX_PIXELS, what_it_is
from contextual_anomaly.errors import UserError

BEGINNING = 1024  # bytes by which a file that is no video is recognised
MISSING_FRAMES = 2
"""Frames by which a container's count may differ from what is decoded."""
MISSING_SHARE = 0.02  # of the frames; containers estimate their count from duration and rate
CODECS = {".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}
"""What OpenCV's own wheels can write: MPEG-4 for players, VP8 for browsers too, and JPEG images one after the other."""


class VideoFault(Exception):
    """The message says in words why a video cannot be read, or where it ended early."""


class VideoFrame(NamedTuple):
    """One frame of a video."""

    number: int  # from 0 on
    seconds: float  # since the beginning
    pixels: np.ndarray  # [h, w, 3] BGR uint8, turned as the video's rotation flag says


class Video:
    """A video file or stream.

    Attributes:
        name: The file or address.
        width: Of the frames as they are shown, in pixels.
        height: Of the frames as they are shown, in pixels.
        rate: Frames a second; 0 if unknown.
        frame_count: Number of frames that the container claims; None for streams and where it does not say.
        codec: Four letters that name the codec.
    """

    def __init__(self, source: str | Path) -> None:
        """Open a video.

        Args:
            source: A file, or the address of a stream (rtsp://, http://, …).

        Raises:
            VideoFault: There is no such file, it is no video, or its frames are too large.
        """
        self.name = str(source)
        self._is_stream = "://" in self.name
        if not self._is_stream:
            _check_file(Path(source))
        self._capture = cv2.VideoCapture(self.name)
        if not self._capture.isOpened():
            reason = "the stream cannot be reached" if self._is_stream else "not a video, or one that lost its index"
            raise VideoFault(f"{self.name}: {reason}; try to play or to re-encode it with FFmpeg.")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.width, self.height = (
            int(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if self.width * self.height > MAX_PIXELS:
            raise VideoFault(f"{self.name}: frames of {self.width:,} × {self.height:,} pixels are too large.")
        self.rate = max(self._capture.get(cv2.CAP_PROP_FPS), 0.0)
        claimed = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frame_count = claimed if claimed > 0 and not self._is_stream else None
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        self.codec = code.to_bytes(4, "little").decode("latin-1").strip("\0 ")

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames in order, once.

        Raises:
            VideoFault: No frame can be decoded, or the file ends before the frames that it claims. Frames that come
                before the fault have been yielded.
        """
        number = 0
        while True:
            read, pixels = self._capture.read()
            if not read:
                break
            seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield VideoFrame(number, seconds, pixels)
            number += 1
        self._check_end(number)

    def close(self) -> None:
        """Release the file or the connection."""
        self._capture.release()

    def _check_end(self, frames: int) -> None:
        """Raise if the end after ``frames`` frames is none."""
        if not frames:
            claims = f"claims {self.frame_count:,} frames and" if self.frame_count else ""
            raise VideoFault(
                f"{self.name}: {claims} gives none: this OpenCV cannot decode its codec ({self.codec}), AV1 perhaps, or the "
                "file is damaged. Re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        if self._is_stream:
            raise VideoFault(f"{self.name}: the stream stopped after {frames:,} frames.")
        claimed = self.frame_count or 0
        if frames < claimed - max(MISSING_FRAMES, MISSING_SHARE * claimed):
            raise VideoFault(
                f"{self.name}: ended after {frames:,} of the {claimed:,} frames that it claims: it is cut off or damaged."
            )


def open_writer(
    path: str | Path, frames_per_second: float, size: tuple[int, int], target: str | Path | None = None
) -> cv2.VideoWriter:
    """Open a video to write; its ending chooses the codec.

    Args:
        path: The file.
        frames_per_second: How fast the frames follow one another.
        size: Width and height in pixels.
        target: What messages call the file, where it has another name while it is written.

    Raises:
        UserError: The ending is none of `CODECS`, or the file cannot be written.
    """
    codec = CODECS.get(Path(path).suffix.lower())
    if codec is None:
        raise UserError(f"{target or path}: a name that ends in {', '.join(CODECS)} was expected.")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), frames_per_second, size)
    if not writer.isOpened():
        raise UserError(
            f"{target or path}: no {codec} video can be written there. Is the folder there, and may this user write "
            "into it? If so, this OpenCV lacks the codec: give a name that ends in .avi."
        )
    return writer


def _check_file(path: Path) -> None:
    """Refuse a file that is missing, empty, or known to be something else."""
    if not path.is_file():
        found = "a folder is there" if path.is_dir() else "there is no such file"
        raise VideoFault(f"{path}: a video was expected, {found}.")
    with path.open("rb") as file:
        beginning = file.read(BEGINNING)
    if not beginning:
        raise VideoFault(f"{path}: the file is empty.")
    what = what_it_is(beginning)
    if what and what != "a video":
        raise VideoFault(f"{path}: is {what}.")
