"""What waits to be delivered, in order and on the disk, so that it outlives receivers and the watch itself."""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.system_errors import in_words

COMPACT = 1_000_000
"""Bytes of delivered messages from which a file without others begins anew."""


class Spool:
    """Messages, one a line of JSON; a file beside it says up to which byte they are delivered.

    A message that was delivered, of which this could not be noted before the end, is delivered again: at least once, each.
    """

    def __init__(self, path: Path) -> None:
        """Open what an earlier watch has left, or begin.

        Args:
            path: the file.

        Raises:
            UserError: another watch uses it, or the system refuses.
        """
        self.path = path
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = path.open("a+b")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"{path}: another watch of the same source delivers to the same receiver.") from error
            self._done_file = path.with_suffix(".delivered")
            self._done = self._read_done()
            self._repair()
        except OSError as error:
            raise UserError(in_words(error, path)) from error
        self._waiting = sum(1 for _ in self._lines(self._done))

    def __len__(self) -> int:
        """Return how many messages wait."""
        return self._waiting

    def add(self, message: dict[str, Any]) -> None:
        """Add a message behind all others.

        Raises:
            UserError: the disk is full, or refuses.
        """
        line = json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with self._lock:
            end = os.fstat(self._file.fileno()).st_size
            try:
                self._file.write(line)
                self._file.flush()
            except OSError as error:
                os.truncate(self.path, end)  # no half line stays
                raise UserError(in_words(error, self.path)) from error
            self._waiting += 1

    def first(self) -> tuple[dict[str, Any], int] | None:
        """Return the message that waits longest, and where it ends; None if none waits."""
        with self._lock:
            line = next(self._lines(self._done), None)
        return None if line is None else (json.loads(line), self._done + len(line))

    def delivered(self, end: int) -> None:
        """Note that everything up to a byte is delivered."""
        with self._lock:
            self._done, self._waiting = end, self._waiting - 1
            if not self._waiting and end > COMPACT:
                self._file.truncate(0)
                self._done = 0
            temporary = self._done_file.with_suffix(".part")
            temporary.write_text(str(self._done))
            temporary.replace(self._done_file)

    def close(self) -> None:
        """Close the file, and remove it if nothing waits."""
        with self._lock:
            if not self._waiting:
                self.path.unlink(missing_ok=True)
                self._done_file.unlink(missing_ok=True)
            self._file.close()

    def _read_done(self) -> int:
        try:
            done = int(self._done_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0
        # Beginning anew was not yet noted when the last watch ended.
        return done if done <= os.fstat(self._file.fileno()).st_size else 0

    def _repair(self) -> None:
        """Cut off what a watch that was killed has written of a line."""
        end = self._done + sum(len(line) for line in self._lines(self._done))
        self._file.truncate(end)

    def _lines(self, begin: int) -> Iterator[bytes]:
        """Yield the whole lines from a byte on."""
        with self.path.open("rb") as file:
            file.seek(begin)
            for line in file:
                if line.endswith(b"\n"):
                    yield line
