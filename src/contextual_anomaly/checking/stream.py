"""Scenes of a stream, one a line: every line is answered, also one that cannot be read, and none ends the stream."""

import json
import logging
from collections.abc import Iterator
from typing import Any, BinaryIO

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import BadObjects, ImageObjects, objects_of_json
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.runtime.input_problems import InputProblem
from contextual_anomaly.runtime.lines import LONGEST_LINE, lines_of

logger = logging.getLogger(__name__)


def decode_line(line: bytes | None) -> Any:
    """Return the value of a line: of JSON, or its text.

    Raises:
        BadObjects: it is neither.
    """
    if line is None:
        raise BadObjects(f"a line of at most {LONGEST_LINE:,} bytes was expected.")
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise BadObjects(f"a line of UTF-8 was expected ({error.reason} at byte {error.start}).") from error
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadObjects(f"no valid JSON ({error}).") from error


def read_line(line: bytes | None) -> ImageObjects:
    """Return the objects of a line: JSON, or names separated by commas.

    Raises:
        BadObjects: it is neither.
    """
    return objects_of_json(decode_line(line))


def check_stream(checker: Checker, stream: BinaryIO, source: str) -> Iterator[CheckResult]:
    """Yield an answer for each line of a stream, as soon as the line is there.

    Args:
        checker: what answers.
        stream: the lines.
        source: what the answers say was checked.
    """
    for number, line in lines_of(stream):
        try:
            yield checker.judge(read_line(line), source, strict=True, line=number)
        except BadObjects as error:
            yield _failed(checker, source, number, "bad_line", str(error))
        except Exception as error:  # one line must not end the answers to all later ones
            logger.exception(f"{source}, line {number}: no answer")
            yield _failed(checker, source, number, "failed", f"no answer: {type(error).__name__}: {error}")


def _failed(checker: Checker, source: str, number: int, kind: str, message: str) -> CheckResult:
    """Return the answer to a line that has none."""
    return CheckResult(
        source,
        line=number,
        model=checker.model.name,
        false_alarms=checker.false_alarms,
        error=InputProblem(kind, f"line {number}: {message}"),
    )
