"""Pictures of events, beside the file of events."""

from pathlib import Path

from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.watching.events import Event


class Snapshots:
    """Writes each picture as a file of its own, which is there when it is whole."""

    def __init__(self, events: Path) -> None:
        """Name the folder, which is made with the first picture.

        Args:
            events: the file of events.
        """
        self._parent, self._folder = events.parent, f"{events.stem}_snapshots"

    def __call__(self, event: Event, jpeg: bytes) -> str:
        """Write the picture of an event; a later one of the same event takes its place.

        Returns:
            The path relative to the folder of events.

        Raises:
            UserError: the system refuses to write.
        """
        name = f"{self._folder}/{event.id}.jpg"
        with atomic_write(self._parent / name) as temporary:
            temporary.write_bytes(jpeg)
        return name
