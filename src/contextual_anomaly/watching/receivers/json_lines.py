"""Events as lines of JSON in a file or on standard output; each is written and flushed before the next."""

import json
import os
import sys
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TextIO

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.system_errors import in_words
from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import SourceStatus


class JsonLines:
    """Appends to a file, or writes to a stream that stays open."""

    def __init__(self, out: Path | TextIO) -> None:
        """Open the file.

        Args:
            out: the file, to whose end lines are added; or an open stream.

        Raises:
            UserError: the system refuses it.
        """
        if isinstance(out, Path):
            try:
                out.parent.mkdir(parents=True, exist_ok=True)
                self._out: TextIO = out.open("a", encoding="utf-8")
            except OSError as error:
                raise UserError(in_words(error, out)) from error
            self.name, self._own = str(out), True
        else:
            self.name, self._own = "standard output", False
            self._out = out
        self._fault: Exception | None = None
        self._queue: Queue[Event | None] = Queue()
        self._written = self._taken = 0
        self._thread = Thread(target=self._write, name=f"events to {self.name}", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Queue an event.

        Raises:
            UserError: the disk is full, or something else ended the file.
            BrokenPipeError: whoever reads standard output has seen enough.
        """
        self._require()
        self._taken += 1
        self._queue.put(event)

    def change_source(self, status: SourceStatus) -> None:
        """Take no notice: these lines are events alone."""

    def state(self) -> tuple[int, str]:
        """Return how many events are not yet written; nothing else is ever wrong.

        Raises:
            UserError: as `take`, so that a watch ends soon and not with its next event.
            BrokenPipeError: as `take`.
        """
        self._require()
        return self._taken - self._written, ""

    def close(self, timeout: float) -> None:
        """Write what is left and close the file.

        Raises:
            UserError: not all could be written.
        """
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            # A reader that hangs holds the stream's buffer for good: Python could not end while it waits for it.
            if self._out is sys.stdout:
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            raise UserError(f"{self.name}: takes no more; {self._taken - self._written:,} events are not written.")
        if self._own:
            try:
                self._out.close()
            except OSError as error:
                self._fault = self._fault or error
        if not isinstance(self._fault, BrokenPipeError):
            self._require()

    def _require(self) -> None:
        """Raise what has ended the writing."""
        if isinstance(self._fault, BrokenPipeError):
            raise self._fault
        if self._fault is not None:
            raise UserError(in_words(self._fault, self.name) or f"{self.name}: {self._fault}")

    def _write(self) -> None:
        while True:
            try:
                event = self._queue.get(timeout=60)
            except Empty:
                continue
            if event is None:
                return
            try:
                self._out.write(json.dumps(event.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
                self._out.flush()
            except (OSError, ValueError) as fault:
                self._fault = fault
                return
            self._written += 1
