"""Requests that wait for something new from the watch, which runs in another thread."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from contextual_anomaly.watching.state import LiveState


class Changes:
    """Wakes requests when the watch has something new; costs it next to nothing while none waits.

    Attributes:
        closed: whether the page ends, so that nobody should wait any more.
    """

    def __init__(self, live: LiveState) -> None:
        """Listen to a watch."""
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waiting = 0
        self._end = live.subscribe(self._tell)

    def _tell(self) -> None:
        """Wake who waits; in the thread of the watch."""
        # A request counts itself before it looks for news, and the watch has its news before it looks here: none is missed.
        if self._waiting and self._loop is not None:
            with suppress(RuntimeError):  # the page has just ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, happened: Callable[[], bool], timeout: float) -> bool:
        """Return True as soon as something has happened, or False after so many seconds or when the page ends.

        Args:
            happened: looks whether it has.
            timeout: seconds.
        """
        if self._loop is not asyncio.get_running_loop():
            self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                while not self.closed:
                    changed = self._changed
                    if happened():
                        return True
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return False

    def close(self) -> None:
        """End all waiting; from any thread."""
        self.closed = True
        self._end()
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)
