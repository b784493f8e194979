"""One process at a time."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Processes that want to make the same ``target`` take turns; the later ones find it there.

    The lock is a hidden file beside it, which stays: removing it would let in two that wait.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info(f"{target}: another process is at it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
