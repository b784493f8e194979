"""What a person names to be checked: images, folders, patterns, videos, and files of annotations or detections.

A kind of file is recognised by its content. What cannot be read is a source as well, so that it is named in its turn and
the rest is answered.
"""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.paths import IMAGE_SUFFIXES

STANDARD_INPUT = "-"
BEGINNING = 4096  # bytes by which a file is recognised
VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts")
ANNOTATION_SUFFIXES = (".xml", ".json", ".jsonl", ".csv", ".yaml", ".yml", ".names", ".gz")
IMAGE_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")
STREAM_ADDRESS = "://"
NOT_SCENES = ("images", "annotations", "categories")
"""Fields of a document in one line that is no line of a stream."""


class Kind(StrEnum):
    """What a source is."""

    image = "image"
    video = "video"
    scenes = "scenes"  # annotations, or the results of a detector
    lines = "lines"  # a scene a line
    unreadable = "unreadable"


@dataclass(frozen=True)
class Source:
    """One thing to check.

    Attributes:
        kind: what it is.
        path: where it is; `STANDARD_INPUT` for standard input.
        problem: why it cannot be read.
    """

    kind: Kind
    path: str
    problem: str = ""


def find_sources(arguments: Sequence[str]) -> list[Source]:
    """Return the sources that a person's arguments name, in their order.

    Args:
        arguments: paths of files and folders, patterns (photos/*.jpg), addresses of streams, or `STANDARD_INPUT`.
    """
    found: list[Source] = []
    for argument in arguments:
        path = Path(argument)
        if argument == STANDARD_INPUT:
            found.append(Source(Kind.lines, argument))
        elif STREAM_ADDRESS in argument:
            found.append(Source(Kind.video, argument))
        elif path.is_dir():
            found += _of_folder(path)
        elif path.exists():
            found.append(_of_file(path))
        elif any(mark in argument for mark in "*?["):
            names = sorted(glob.glob(argument, recursive=True))
            files = [name for name in names if not os.path.isdir(name)]
            found += [_of_file(Path(name)) for name in files]
            if not files:
                found.append(Source(Kind.unreadable, argument, "no file matches this pattern"))
        else:
            found.append(Source(Kind.unreadable, argument, "there is no such file or folder"))
    return found


def _of_folder(folder: Path) -> list[Source]:
    """Return the images and videos of a folder; one without is a data set, such as YOLO's or Pascal VOC's."""
    directly = _pictures(entry for entry in folder.iterdir() if entry.is_file())
    if directly and not _has_labels(folder):
        return directly + [
            source for entry in sorted(folder.iterdir()) if entry.is_dir() for source in _pictures_below(entry)
        ]
    below = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    annotations = any(path.suffix.lower() in (*ANNOTATION_SUFFIXES, ".txt") for path in below)
    if annotations:
        return [Source(Kind.scenes, str(folder))]
    pictures = _pictures(below)
    return pictures or [Source(Kind.unreadable, str(folder), "no image, video or annotation is in this folder")]


def _pictures_below(folder: Path) -> list[Source]:
    return _pictures(Path(root) / name for root, _, names in os.walk(folder) for name in names)


def _pictures(paths: Iterable[Path]) -> list[Source]:
    """Return images and videos by their names, in order: a folder may hold a hundred thousand, and other things."""
    kinds = {**dict.fromkeys(IMAGE_SUFFIXES, Kind.image), **dict.fromkeys(VIDEO_SUFFIXES, Kind.video)}
    visible = sorted(path for path in paths if not path.name.startswith("."))
    return [Source(kinds[path.suffix.lower()], str(path)) for path in visible if path.suffix.lower() in kinds]


def _has_labels(folder: Path) -> bool:
    """Whether annotations lie beside the images of a folder."""
    pictures = {path.stem for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES}
    return any(path.stem in pictures for path in folder.iterdir() if path.suffix.lower() in (".txt", ".xml"))


def _of_file(path: Path) -> Source:
    """Return what a file is, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(BEGINNING)
    except OSError as error:
        return Source(Kind.unreadable, str(path), f"cannot be opened: {error.strerror}")
    if not head:
        return Source(Kind.unreadable, str(path), "the file is empty")
    if is_video(head):
        return Source(Kind.video, str(path))
    if head.startswith(IMAGE_BEGINNINGS) or head[8:12] == b"WEBP" or head[4:12] in (b"ftypavif", b"ftypavis"):
        return Source(Kind.image, str(path))
    if head.startswith((b"PAR1", b"\x1f\x8b")):
        return Source(Kind.scenes, str(path))
    json = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    if path.suffix.lower() in IMAGE_SUFFIXES and not json:  # a damaged one, or something else by that name
        return Source(Kind.image, str(path))
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = Kind.video if path.suffix.lower() in VIDEO_SUFFIXES else Kind.image
        return Source(kind, str(path))
    return Source(Kind.lines if _is_lines(path, head) else Kind.scenes, str(path))


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video."""
    from contextual_anomaly.detection.image_reading import what_it_is

    return what_it_is(head[:1024]) == "a video" or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def _is_lines(path: Path, head: bytes) -> bool:
    """Whether a file has a JSON object a line, each a scene."""
    import json

    first, newline, _ = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if not first.startswith(b"{"):
        return False
    if not newline and len(head) == BEGINNING:
        return path.suffix.lower() == ".jsonl"
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not any(isinstance(value.get(name), list) for name in NOT_SCENES[:2])


def count(sources: Sequence[Source]) -> int | None:
    """Return the number of answers that sources give; None where it is not known beforehand."""
    known = all(source.kind in (Kind.image, Kind.unreadable) for source in sources)
    return len(sources) if known else None


def require_sources(sources: Sequence[Source]) -> None:
    """Check that there is something to check.

    Raises:
        UserError: there is nothing.
    """
    if not sources:
        raise UserError("nothing to check: name images, folders, annotations, detections or videos, or - for a stream.")
