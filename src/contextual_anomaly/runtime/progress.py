"""Progress of long work: a bar on a terminal, a line every few seconds in a log.

Rich is imported where there is a terminal: it takes longer to start than most steps of the workflow.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from contextual_anomaly.runtime.safe_text import printable, shortened

logger = logging.getLogger(__name__)

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 5.0


class _StandardError(logging.Handler):
    """Writes to what standard error is at that moment, not when logging was configured."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is not None:  # it may be closed, or a file on a full disk: no reason to stop
            with suppress(OSError):
                print(printable(shortened(self.format(record))), file=sys.stderr, flush=True)


def configure_logging() -> None:
    """Print the package's messages on standard error, one a line: those of level INFO and above."""
    package = logging.getLogger("contextual_anomaly")
    package.handlers = [_StandardError()]
    package.setLevel(logging.INFO)


@contextmanager
def only_warnings(*modules: str) -> Iterator[None]:
    """Keep modules from saying less than warnings meanwhile.

    Args:
        modules: their names, or those of folders.
    """
    loggers = [logging.getLogger(name) for name in modules]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)


def track(items: Iterable[T], description: str, total: int | None, unit: str = "") -> Iterator[T]:
    """Yield ``items``, showing how many of ``total`` are done and how fast they go; None if their number is not known."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield from bar.track(items, total=total, description=printable(description))
        return
    start = last = time.monotonic()
    done, of = 0, "" if total is None else f"/{total}"
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and done != total:
            last = now
            logger.info(f"{description}: {done}{of} {unit}, {done / (now - start):.3g} a second")
    if total is not None or last > start:  # of an unknown number, only where it took long
        logger.info(f"{description}: {done}{of} {unit} in {time.monotonic() - start:.1f} s")


@contextmanager
def track_bytes(description: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function to tell how many bytes are there, of how many, while a file arrives."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
            task = bar.add_task(printable(description), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    last = time.monotonic()
    before: int | None = None

    def line(done: int, total: int | None) -> None:
        nonlocal last, before
        now = time.monotonic()
        before = done if before is None else before
        if now - last >= SECONDS_BETWEEN_LINES:
            of = "" if total is None else f" of {total / 1e6:,.1f}"
            logger.info(
                f"{description}: {done / 1e6:,.1f}{of} MB, {(done - before) / 1e6 / (now - last):.3g} MB a second"
            )
            last, before = now, done

    yield line
