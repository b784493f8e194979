"""One process at a time."""

import errno
import fcntl
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Processes that want to make the same ``target`` take turns; the later ones find it there.

    The lock is a hidden file beside it, which stays: removing it would let in two that wait. The system releases it when
    its process ends, however that ends. Where the folder cannot be written, there is no lock.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        try:
            handle = opened.enter_context(target.with_name(f".{target.name}.lock").open("w"))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            yield  # nobody makes anything there; what is there may be used
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info(f"{target}: another process is making it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
