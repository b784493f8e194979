"""Answers in a terminal: what is flagged stands out, aligned, and the rest is one line an image."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from contextual_anomaly.checking.results import NOT_JUDGED, NOTHING_TO_COMPARE, CheckedObject, CheckResult, MissingClass
from contextual_anomaly.coco.classes import LEFT_OUT
from contextual_anomaly.runtime.safe_text import printable

CLASS_WIDTH = 16
MOST_NOTES = 5
RED, BLUE, YELLOW, DIM, BOLD = "31", "34", "33", "2", "1"
"""Codes of ANSI escape sequences (ECMA-48, select graphic rendition)."""


def use_colour(out: TextIO) -> bool:
    """Whether to colour what goes to a stream: a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"


class TerminalText:
    """Writes answers as text for people."""

    def __init__(self, out: TextIO, colour: bool | None = None) -> None:
        """Begin.

        Args:
            out: where the text goes; it stays open.
            colour: whether to colour it; None to decide by `use_colour`.
        """
        self.out = out
        self.colour = use_colour(out) if colour is None else colour

    def write(self, result: CheckResult) -> None:
        """Write one answer."""
        self.out.write("\n".join(self._lines(result)) + "\n")
        self.out.flush()

    def close(self) -> dict[str, str]:
        """Write nothing more."""
        return {}

    def _lines(self, result: CheckResult) -> list[str]:
        name = printable(title(result))
        if result.error is not None and not result.objects:
            return [f"{name}  {self._style('error', RED)}  {printable(result.error.message)}"]
        state = self._style("flagged" if result.flagged else "ok", YELLOW if result.flagged else DIM)
        if nothing := nothing_to_compare(result):
            state = self._style(nothing, DIM)
        shows = self._style(printable(contents(result.objects)), DIM)
        lines = [f"{self._style(name, BOLD) if result.flagged else name}  {state}  {shows}".rstrip()]
        written = set()
        for found in result.unexpected:
            if found.category not in written:  # of one class, all objects have the same numbers
                lines.append(self._finding("unexpected", RED, found))
            written.add(found.category)
        lines += [self._finding("missing", BLUE, found) for found in result.missing]
        if result.error is not None:
            lines.append(f"  {self._style('error', RED)}  {printable(result.error.message)}")
        return lines

    def _finding(self, kind: str, colour: str, found: CheckedObject | MissingClass) -> str:
        numbers = f"p {shown(found.p_value)}  probability {shown(found.probability)}"
        label = self._style(f"{kind:<10}", colour)
        category = self._style(f"{printable(found.category):<{CLASS_WIDTH}}", BOLD)
        return f"  {label}  {category}  {numbers}  {self._style(printable(found.explanation), DIM)}".rstrip()

    def _style(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def nothing_to_compare(result: CheckResult) -> str:
    """Return the note that an image has too few classes for an answer; "" if it has enough."""
    return next((note for note in result.notes if note.startswith(NOTHING_TO_COMPARE)), "")


def title(result: CheckResult) -> str:
    """Return what an answer is about: a path, a frame, a line, or an image of a file."""
    if result.line is not None:
        return f"{result.source}:{result.line}"
    if result.frame is not None:
        return f"{result.source} {_time(result.seconds or 0.0)}"
    if result.image_id is not None:
        return f"{result.file_name or result.source} ({result.image_id})"
    return result.source


def _time(seconds: float) -> str:
    """Return minutes, seconds and tenths."""
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def contents(objects: Sequence[CheckedObject]) -> str:
    """Return the classes of an image and how many of each: "cup ×2, fork"."""
    counts = Counter(found.category for found in objects)
    return ", ".join(f"{name} ×{number}" if number > 1 else name for name, number in counts.items())


def shown(share: float | None) -> str:
    """Return a share in six characters or so; a small one is not shown as zero."""
    if share is None:
        return "–     "
    return f"{share:.4f}" if share >= 0.0001 or share == 0 else f"{share:.0e}"


def _times(number: int) -> str:
    return f" ({number:,})" if number > 1 else ""


def _more(number: int, one: str, several: str = "") -> list[str]:
    """Return how many of a list are not named, nothing if all are."""
    left = number - MOST_NOTES
    return [f"{left:,} other {one if left == 1 else several or one + 's'}"] if left > 0 else []


class Summary:
    """Counts answers, for the last line and for the exit status."""

    def __init__(self) -> None:
        """Begin with none."""
        self.images = self.flagged = self.unexpected = self.missing = self.errors = self.nothing = 0
        self.foreign = 0  # images with classes that the model does not know
        self.notes: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()

    def add(self, result: CheckResult) -> None:
        """Count one answer."""
        self.images += 1
        self.flagged += result.flagged
        self.unexpected += len({found.category for found in result.unexpected})
        self.missing += len(result.missing)
        self.errors += result.error is not None
        self.nothing += bool(nothing_to_compare(result))
        self.foreign += not set(LEFT_OUT).issuperset(result.ignored)
        self.ignored.update(result.ignored)
        self.notes.update(note for note in result.notes if not note.startswith((NOTHING_TO_COMPARE, NOT_JUDGED)))

    def __str__(self) -> str:
        """Return the counts in words."""
        parts = [
            f"{self.flagged:,} of {self.images:,} flagged ({self.unexpected:,} unexpected, {self.missing:,} missing)"
        ]
        if self.nothing:
            parts.append(f"{self.nothing:,} with nothing to compare")
        if self.errors:
            parts.append(f"{self.errors:,} not read, or not whole")
        return "; ".join(parts)

    def remarks(self) -> list[str]:
        """Return the notes of answers and the classes that were not judged, the most frequent first, with their numbers."""
        lines = [f"{note}{_times(number)}" for note, number in self.notes.most_common(MOST_NOTES)]
        lines += _more(len(self.notes), "note")
        if self.ignored:
            classes = [f"{name}{_times(number)}" for name, number in self.ignored.most_common(MOST_NOTES)]
            lines.append(NOT_JUDGED + ", ".join([*classes, *_more(len(self.ignored), "class", "classes")]))
        if self.images > 1 and 2 * self.foreign > self.images:
            lines.append(
                "most images hold classes that the model does not know; contextual-anomaly find-label-issues fits a model to "
                "annotations of any classes"
            )
        return lines

    def exit_status(self, exit_zero: bool = False) -> int:
        """Return 2 where something could not be read, else 1 where something is flagged, else 0.

        Args:
            exit_zero: whether findings are no reason to fail.
        """
        if self.errors:
            return 2
        return int(bool(self.flagged) and not exit_zero)
