"""From what a person names to a source."""

from pathlib import Path

from contextual_anomaly.checking.sources import STANDARD_INPUT, STREAM_ADDRESS, Kind, find_sources
from contextual_anomaly.errors import UserError
from contextual_anomaly.watching.frames import Source
from contextual_anomaly.watching.sources.addresses import without_passwords


def open_source(source: str | int | Path, *, every: float = 0.0, frames_per_second: float | None = None) -> Source:
    """Return a source, which is opened when it is iterated.

    Args:
        source: number of a webcam or its device; a video; a folder of images or a pattern (frames/*.jpg); the address of a
            stream (rtsp://, http://, …); a file of detections, one frame a line, or - for such lines on standard input.
        every: of a video file, one frame in so many seconds is taken; 0 for all.
        frames_per_second: of images, and of lines that have no times.

    Raises:
        UserError: there is no such thing, or it is nothing that can be watched.
    """
    name = str(source)
    if name == STANDARD_INPUT:
        from contextual_anomaly.watching.sources.lines import DetectionLines, standard_input

        return DetectionLines("standard input", standard_input(), frames_per_second)
    device = name.removeprefix("/dev/video")
    if device.isdecimal() and device.isascii():
        from contextual_anomaly.watching.sources.live import LiveSource

        return LiveSource(int(device))
    if STREAM_ADDRESS in name:
        from contextual_anomaly.watching.sources.live import LiveSource

        return LiveSource(name)
    found = find_sources([name])
    kinds = {one.kind for one in found}
    if kinds == {Kind.unreadable}:
        raise UserError(f"{without_passwords(name)}: {found[0].problem}.")
    if kinds == {Kind.video} and len(found) == 1:
        from contextual_anomaly.watching.sources.files import VideoFile

        return VideoFile(found[0].path, every)
    if kinds == {Kind.image}:
        from contextual_anomaly.watching.sources.files import ImageSequence

        return ImageSequence(name, [Path(one.path) for one in found], frames_per_second or 1.0)
    if kinds == {Kind.lines} and len(found) == 1:
        from contextual_anomaly.watching.sources.lines import DetectionLines

        return DetectionLines(name, open(found[0].path, "rb"), frames_per_second)  # closed by the source
    what = "several things" if len(kinds) > 1 or len(found) > 1 else "annotations"
    raise UserError(
        f"{name}: is {what}; a camera, one video, a folder of images alone, or lines of detections can be watched. "
        "See contextual-anomaly check for anything else."
    )
