"""Check everything that a person names, one answer after another."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import BadObjects
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.checking.scene_files import DetectionsByImage, read_scene_file
from contextual_anomaly.checking.sources import STANDARD_INPUT, Kind, Source
from contextual_anomaly.checking.stream import check_stream
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.input_problems import InputProblem

IMAGES_AT_ONCE = 4
"""Images of a list up to which one network is enough: a second one takes as long to load as some of them to detect."""


OnImage = Callable[[CheckResult, np.ndarray], None] | None
"""What is called with an answer and the pixels that it is about."""


class Frame(NamedTuple):
    """Where an image comes from."""

    source: str
    number: int | None = None  # of a video's frame
    seconds: float | None = None

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.source if self.number is None else f"{self.source}, frame {self.number}"


def check_sources(
    checker: Checker,
    sources: Sequence[Source],
    *,
    image_folder: Path | None = None,
    detections: DetectionsByImage | None = None,
    seconds_between: float = 1.0,
    threads: int = 1,
    on_image: OnImage = None,
) -> Iterator[CheckResult]:
    """Yield an answer for each image, frame, annotated image or line, as soon as it is there.

    Args:
        checker: what answers.
        sources: what to check.
        image_folder: where the images of annotations and detections lie, for the sizes that these do not give.
        detections: the objects of images, in place of a detector.
        seconds_between: of a video, one frame in so many seconds is checked; 0 for every frame.
        threads: processor cores to use.
        on_image: called with each answer that comes from pixels, and these, before the answer is yielded.

    Raises:
        UserError: the detector is not what is expected.
    """
    for kind, group in groupby(sources, key=lambda source: source.kind):
        if kind is Kind.image and detections is not None:
            yield from (_of_detections(checker, detections, source.path) for source in group)
        elif kind is Kind.image:
            yield from _check_images(checker, list(group), threads, on_image)
        else:
            for source in group:
                if source.kind is Kind.video:
                    yield from _check_video(checker, source.path, seconds_between, threads, on_image)
                else:
                    yield from _check_other(checker, source, image_folder)


def _check_other(checker: Checker, source: Source, image_folder: Path | None) -> Iterator[CheckResult]:
    """Yield the answers for a source without pixels."""
    if source.kind is Kind.unreadable:
        yield failed(checker, source.path, source.problem)
    elif source.kind is Kind.lines and source.path == STANDARD_INPUT:
        yield from check_stream(checker, sys.stdin.buffer, source.path)
    elif source.kind is Kind.lines:
        with open(source.path, "rb") as lines:
            yield from check_stream(checker, lines, source.path)
    else:
        try:
            for objects in read_scene_file(Path(source.path), image_folder):
                yield checker.judge(objects, source.path)
        except (UserError, BadObjects) as error:
            yield failed(checker, source.path, str(error).removeprefix(f"{source.path}: "))


def _check_images(
    checker: Checker, sources: Sequence[Source], threads: int, on_image: OnImage
) -> Iterator[CheckResult]:
    from contextual_anomaly.detection.image_reading import read_image

    jobs = ((Frame(source.path), lambda path=source.path: read_image(Path(path))) for source in sources)
    yield from _detected(checker, jobs, threads if len(sources) > IMAGES_AT_ONCE else 1, on_image)


def _check_video(
    checker: Checker, path: str, seconds_between: float, threads: int, on_image: OnImage
) -> Iterator[CheckResult]:
    """Yield the answers for frames of a video, and name what is wrong with it after those that could be read."""
    from contextual_anomaly.detection.image_reading import ReadImage
    from contextual_anomaly.detection.video import Video, VideoFault

    fault = ""

    def frames() -> Iterator[tuple[Frame, Callable[[], ReadImage]]]:
        nonlocal fault
        due = 0.0
        try:
            video = Video(path)
            try:
                for frame in video:
                    if frame.seconds + 1e-6 < due:
                        continue
                    due = frame.seconds + seconds_between
                    height, width = frame.pixels.shape[:2]
                    image = ReadImage(frame.pixels, width, height)
                    yield Frame(path, frame.number, frame.seconds), lambda image=image: image
            finally:
                video.close()
        except VideoFault as problem:
            fault = str(problem)

    yield from _detected(checker, frames(), threads, on_image)
    if fault:
        yield failed(checker, path, fault.removeprefix(f"{path}: "))


def _detected(
    checker: Checker, jobs: Iterable[tuple[Frame, Callable]], threads: int, on_image: OnImage
) -> Iterator[CheckResult]:
    """Yield the answers for images through the detector."""
    from contextual_anomaly.detection.image_reading import UnreadableImage

    if checker.detector is None:
        raise UserError("images need a detector: give its name or its ONNX file.")
    detector = checker.detector.loaded(threads)
    for frame, found in detector.detect_many(jobs, threads):
        if isinstance(found, UnreadableImage):
            yield failed(checker, frame.source, str(found))
        else:
            name = Path(frame.source).name
            answer = checker.judge_detected(
                found, frame.source, file_name=name, frame=frame.number, seconds=frame.seconds
            )
            if on_image is not None:
                on_image(answer, found.image.pixels)
            yield answer


def _of_detections(checker: Checker, detections: DetectionsByImage, path: str) -> CheckResult:
    """Return the answer for an image by detections that are known."""
    if not Path(path).is_file():
        return failed(checker, path, "there is no such file")
    return checker.judge(detections.of(Path(path)), path)


def failed(checker: Checker, source: str, problem: str) -> CheckResult:
    """Return the answer for what cannot be read."""
    return CheckResult(
        source,
        file_name=Path(source).name,
        model=checker.model.name,
        false_alarms=checker.false_alarms,
        error=InputProblem("unreadable", problem if problem.endswith(".") else f"{problem}."),
    )
