"""Check what a person names and write the answers where they are wanted."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TextIO

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.checking.run import check_sources
from contextual_anomaly.checking.scene_files import DetectionsByImage
from contextual_anomaly.checking.sources import STANDARD_INPUT, Source, count, require_sources
from contextual_anomaly.checking.terminal import Summary, TerminalText
from contextual_anomaly.runtime.choices import AnswerFormat
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

FEW = 5
"""Answers up to which no progress is shown."""


class Writer(Protocol):
    """Takes answers one after another."""

    def write(self, result: CheckResult) -> None:
        """Take one answer."""
        ...

    def close(self) -> dict[str, str]:
        """Write what is left."""
        ...


class JsonLines:
    """Writes answers as JSON, one a line."""

    def __init__(self, out: TextIO) -> None:
        """Begin."""
        self.out = out

    def write(self, result: CheckResult) -> None:
        """Write one answer."""
        self.out.write(result.to_json() + "\n")
        self.out.flush()

    def close(self) -> dict[str, str]:
        """Write nothing more."""
        return {}


def run_check(
    checker: Checker,
    sources: Sequence[Source],
    *,
    detections: Path | None = None,
    image_folder: Path | None = None,
    seconds_between: float = 1.0,
    threads: int | None = None,
    answer_format: AnswerFormat | None = None,
    save: Path | None = None,
    exit_zero: bool = False,
) -> int:
    """Check sources, write each answer as soon as it is there, and return the exit status.

    Args:
        checker: what answers.
        sources: what to check.
        detections: file of the objects of images, in place of a detector.
        image_folder: where the images of annotations and detections lie.
        seconds_between: of a video, one frame in so many seconds is checked.
        threads: processor cores to use; None for all.
        answer_format: how answers are written; None for text, and for JSON lines of a stream.
        save: folder for images and answers.
        exit_zero: whether findings are no reason to fail.

    Returns:
        0 if nothing is flagged, 1 if something is, 2 if something cannot be read.

    Raises:
        UserError: there is nothing to check, or a file is not what is expected.
    """
    require_sources(sources)
    _say_what_is_promised(checker)
    streamed = any(source.path == STANDARD_INPUT for source in sources)
    chosen = answer_format or (AnswerFormat.jsonl if streamed else AnswerFormat.text)
    writers: list[Writer] = [TerminalText(sys.stdout) if chosen is AnswerFormat.text else JsonLines(sys.stdout)]
    saver = None
    if save is not None:
        from contextual_anomaly.checking.saving import Saver  # OpenCV, which a stream of names goes without

        saver = Saver(save, image_folder)
        writers.append(saver)
    answers = check_sources(
        checker,
        sources,
        image_folder=image_folder,
        detections=None if detections is None else DetectionsByImage(detections),
        seconds_between=seconds_between,
        threads=threads or len(os.sched_getaffinity(0)),
        on_image=None if saver is None else saver.draw,
    )
    total = count(sources)
    if total is not None and total > FEW and not sys.stdout.isatty():  # on a terminal, the answers show it
        answers = track(answers, "checking", total, "images")
    summary = Summary()
    try:
        for result in answers:
            for writer in writers:
                writer.write(result)
            summary.add(result)
    except BrokenPipeError:  # whoever reads has seen enough, as head does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in it is flushed at the end
        return summary.exit_status(exit_zero)
    finally:
        for writer in writers:
            writer.close()
    if chosen is AnswerFormat.text:
        for remark in summary.remarks():
            logger.info(remark)
    if summary.images > 1 and not streamed:
        logger.info(str(summary))
    return summary.exit_status(exit_zero)


def _say_what_is_promised(checker: Checker) -> None:
    """Say where the calibration is too small for the rate of false alarms that is wanted."""
    for calibration in filter(None, (checker.behind_detector or checker.annotated,)):
        if checker.false_alarms.unexpected < calibration.smallest:
            logger.warning(
                f"the calibration has {len(calibration.present):,} objects: no p-value is below {calibration.smallest:.2g}, so "
                f"that nothing is flagged as unexpected at {checker.false_alarms.unexpected:.2g}"
            )
