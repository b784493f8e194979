"""Whoever wants to know of events: each has its own thread, so that one that hangs never stops the watch."""

from typing import Protocol

from contextual_anomaly.watching.events import Event
from contextual_anomaly.watching.frames import SourceStatus


class Receiver(Protocol):
    """Takes events.

    Attributes:
        name: what messages call it.
    """

    name: str

    def take(self, event: Event) -> None:
        """Take an event and return at once.

        Raises:
            UserError: nothing can be taken any more, as on a full disk.
        """
        ...

    def change_source(self, status: SourceStatus) -> None:
        """Take a change of the source's state and return at once."""
        ...

    def state(self) -> tuple[int, str]:
        """Return how many events are not yet delivered, and what is wrong, "" if nothing is.

        Raises:
            UserError: nothing can be taken any more.
        """
        ...

    def close(self, timeout: float) -> None:
        """Deliver what is left, for so many seconds at most, and let go of everything."""
        ...
