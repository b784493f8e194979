"""Check what a person names and write the answers where they are wanted."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.exports import Writer, open_writer
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.checking.run import check_sources
from contextual_anomaly.checking.scene_files import DetectionsByImage
from contextual_anomaly.checking.sources import STANDARD_INPUT, Source, count, require_sources
from contextual_anomaly.checking.terminal import Summary, TerminalText
from contextual_anomaly.runtime.atomic import naming
from contextual_anomaly.runtime.choices import AnswerFormat
from contextual_anomaly.runtime.progress import track
from contextual_anomaly.runtime.threads import available_cores

if TYPE_CHECKING:
    from contextual_anomaly.review.verdicts import Reviewed

logger = logging.getLogger(__name__)

FEW = 5
"""Answers up to which no progress is shown."""


@dataclass(frozen=True)
class Outputs:
    """Where answers go.

    Attributes:
        format: how answers are written; None for text, and for JSON lines of a stream.
        output: the file; None for standard output.
        html: a page of the findings.
        save: folder for images with their findings, and answers.
        since: verdicts of reviewers on findings of an earlier check.
        all_images: whether documents of coco, label-studio and cvat hold images without findings as well.
    """

    format: AnswerFormat | None = None
    output: Path | None = None
    html: Path | None = None
    save: Path | None = None
    since: Path | None = None
    all_images: bool = False


def run_check(
    checker: Checker,
    sources: Sequence[Source],
    outputs: Outputs,
    *,
    detections: Path | None = None,
    image_folder: Path | None = None,
    seconds_between: float = 1.0,
    threads: int | None = None,
    exit_zero: bool = False,
) -> int:
    """Check sources, write each answer as soon as it is there, and return the exit status.

    Args:
        checker: what answers.
        sources: what to check.
        outputs: where the answers go.
        detections: file of the objects of images, in place of a detector.
        image_folder: where the images of annotations and detections lie.
        seconds_between: of a video, one frame in so many seconds is checked.
        threads: processor cores to use; None for all.
        exit_zero: whether findings are no reason to fail.

    Returns:
        0 if nothing is flagged, 1 if something is, 2 if something cannot be read.

    Raises:
        UserError: there is nothing to check, or a file is not what is expected.
    """
    require_sources(sources)
    _say_what_is_promised(checker)
    streamed = any(source.path == STANDARD_INPUT for source in sources)
    chosen = outputs.format or (AnswerFormat.jsonl if streamed else AnswerFormat.text)
    reviewed = None
    if outputs.since is not None:
        from contextual_anomaly.review.verdicts import read_verdicts

        reviewed = read_verdicts(outputs.since)
    summary = Summary()
    with ExitStack() as stack:
        try:
            writers: list[Writer] = [stack.enter_context(_writer(chosen, outputs, reviewed))]
            if outputs.html is not None:
                writers.append(stack.enter_context(_html_page(outputs.html, reviewed, image_folder)))
            saver = None
            if outputs.save is not None:
                from contextual_anomaly.checking.saving import Saver  # OpenCV, which a stream of names goes without

                saver = stack.enter_context(closing(Saver(outputs.save, image_folder)))
                writers.append(saver)
            answers = check_sources(
                checker,
                sources,
                image_folder=image_folder,
                detections=None if detections is None else DetectionsByImage(detections),
                seconds_between=seconds_between,
                threads=threads or available_cores(),
                on_image=None if saver is None else saver.draw,
            )
            for result in _in_order(answers, sources, outputs, reviewed):
                for writer in writers:
                    writer.write(result)
                summary.add(result)
        except BrokenPipeError:  # whoever reads has seen enough, as head does
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # takes what is still to be written
    if chosen is AnswerFormat.text:
        for remark in summary.remarks():
            logger.info(remark)
    if summary.images > 1 and not streamed:
        logger.info(str(summary))
    return summary.exit_status(exit_zero)


def _in_order(
    answers: Iterator[CheckResult], sources: Sequence[Source], outputs: Outputs, reviewed: "Reviewed | None"
) -> Iterable[CheckResult]:
    """Return the answers as they come, or after a review in the order of what is probably true; and show progress."""
    total = count(sources)
    few = total is not None and total <= FEW
    streamed = any(source.path == STANDARD_INPUT for source in sources)
    # On a terminal, the answers themselves show how far it is.
    if not few and not streamed and (outputs.output is not None or not sys.stdout.isatty()):
        answers = track(answers, "checking", total, "images")
    if reviewed is None:
        return answers
    from contextual_anomaly.checking.reranking import rerank

    return rerank(answers, reviewed)


@contextmanager
def _writer(chosen: AnswerFormat, outputs: Outputs, reviewed: "Reviewed | None") -> Iterator[Writer]:
    """Yield what writes answers in a format."""
    output = outputs.output
    if chosen is not AnswerFormat.text:
        with open_writer(chosen, output, reviewed, outputs.all_images) as writer:
            yield writer
    elif output is None:
        yield TerminalText(sys.stdout)
    else:
        with naming(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("w", encoding="utf-8") as out:
                yield TerminalText(out)


@contextmanager
def _html_page(path: Path, reviewed: "Reviewed | None", image_folder: Path | None) -> Iterator[Writer]:
    """Yield what writes a page."""
    from contextual_anomaly.checking.exports.html import HtmlPage

    with naming(path), ExitStack() as stack:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = stack.enter_context(path.open("w", encoding="utf-8"))
        page = stack.enter_context(closing(HtmlPage(out, reviewed, image_folder)))
        yield page  # pyright: ignore[reportReturnType]  # nothing lies beside a page


def _say_what_is_promised(checker: Checker) -> None:
    """Say where the calibration is too small for the rate of false alarms that is wanted."""
    for calibration in filter(None, (checker.behind_detector or checker.annotated,)):
        if checker.false_alarms.unexpected < calibration.smallest:
            logger.warning(
                f"the calibration has {len(calibration.present):,} objects: no p-value is below {calibration.smallest:.2g}, so "
                f"that nothing is flagged as unexpected at {checker.false_alarms.unexpected:.2g}"
            )
