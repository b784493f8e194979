"""Deliver events one after another from a spool: a thread that tries again until each is taken."""

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.cache import cache_folder
from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import SourceStatus
from contextual_anomaly.watching.receivers.spool import Spool

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 300.0
"""Seconds before the next try; each is twice as long as the one before."""


class NotTaken(Exception):
    """The receiver did not take a message; the message says why, without passwords.

    Attributes:
        wait: seconds that the receiver asks to wait; None if it asks nothing.
        never: whether it would not take this message later either.
    """

    def __init__(self, why: str, wait: float | None = None, never: bool = False) -> None:
        """Say why."""
        super().__init__(why)
        self.wait, self.never = wait, never


class Delivery:
    """Delivers in order, each message at least once, also after the watch has begun anew.

    Attributes:
        name: what messages call the receiver; without passwords.
    """

    def __init__(self, name: str, spool: Spool, send: Callable[[dict[str, Any]], None], per_minute: float) -> None:
        """Begin to deliver.

        Args:
            name: what messages call the receiver; without passwords.
            spool: what waits.
            send: delivers one message, or raises `NotTaken`.
            per_minute: messages that are sent in a minute at most.
        """
        self.name = name
        self._spool, self._send, self._spacing = spool, send, 60 / per_minute
        self._problem = ""
        self._added, self._closed = Flag(), Flag()
        if len(spool):
            logger.info(f"{name}: {len(spool):,} events of an earlier watch are delivered first")
        self._thread = Thread(target=self._deliver, name=f"delivery to {name}", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Put an event on the disk.

        Raises:
            UserError: the disk is full, or refuses.
        """
        self._spool.add(dict(event.to_dict()))
        self._added.set()

    def change_source(self, status: SourceStatus) -> None:
        """Take no notice."""

    def state(self) -> tuple[int, str]:
        """Return how many events wait, and what is wrong."""
        return len(self._spool), self._problem

    def close(self, timeout: float) -> None:
        """Deliver what the time allows; the rest stays on the disk for the next watch."""
        deadline = time.monotonic() + timeout
        while len(self._spool) and not self._problem and time.monotonic() < deadline and self._thread.is_alive():
            time.sleep(0.02)
        self._closed.set()
        self._added.set()
        self._thread.join(max(deadline - time.monotonic(), 0.1))
        if left := len(self._spool):
            logger.warning(f"{self.name}: {left:,} events wait in {self._spool.path} for the next watch")
        if not self._thread.is_alive():
            self._spool.close()

    def _deliver(self) -> None:
        wait, sent = FIRST_WAIT, -self._spacing
        while not self._closed.is_set():
            item = self._spool.first()
            if item is None:
                self._added.wait()
                self._added.clear()
                continue
            # The rate limit, which a watch that ends does not wait for.
            self._closed.wait(max(sent + self._spacing - time.monotonic(), 0))
            if self._closed.is_set():
                return
            message, end = item
            sent = time.monotonic()
            try:
                self._send(message)
            except NotTaken as why:
                if why.never:
                    logger.error(f"{self.name}: the event {message.get('id')} is refused and left out: {why}")
                else:
                    wait = self._wait_after(why, wait)
                    continue
            except Exception as fault:  # the delivery must not end by one message
                wait = self._wait_after(NotTaken(f"{type(fault).__name__}: {fault}"), wait)
                continue
            if self._problem:
                logger.info(f"{self.name}: takes events again; {len(self._spool) - 1:,} wait")
            self._problem, wait = "", FIRST_WAIT
            try:
                self._spool.delivered(end)
            except OSError as error:
                logger.error(f"{self._spool.path}: cannot note what is delivered: {error.strerror}")

    def _wait_after(self, why: NotTaken, wait: float) -> float:
        """Wait before the next try and return how long to wait after that."""
        if str(why) != self._problem:
            logger.warning(f"{self.name}: {why}; {len(self._spool):,} events wait")
        self._problem = str(why)
        self._closed.wait(max(wait, why.wait or 0))
        return min(2 * wait, LONGEST_WAIT)


def spool_of(kind: str, address: str, source: str, events: Path | None) -> Spool:
    """Return the spool of a receiver: beside the file of events, or in the user's cache.

    Args:
        kind: of receiver.
        address: of the receiver; it is part of the name as a digest alone.
        source: what is watched.
        events: the file of events.

    Raises:
        UserError: there is no place, or another watch uses it.
    """
    digest = hashlib.sha256(f"{address}\n{source}".encode()).hexdigest()[:12]
    if events is not None:
        return Spool(events.with_name(f"{events.stem}_{kind}_{digest}.spool"))
    folder = cache_folder()
    if folder is None:
        raise UserError(f"--{kind}: what is not yet delivered needs a place on the disk; give --events FILE.")
    return Spool(folder / "spool" / f"{kind}_{digest}.spool")
