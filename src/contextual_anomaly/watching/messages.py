"""Open events, and the messages about them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from contextual_anomaly import __version__
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.frames import Frame


class Messages:
    """Writes messages about events, and knows which are open."""

    def __init__(self, source: str, model: str) -> None:
        """Nothing is open yet.

        Args:
            source: what is watched, without passwords.
            model: name of the context model.
        """
        self.open: dict[str, Event] = {}
        self.answerer: dict[str, str | None] = {}
        self._source, self._model = source, model
        self._began: str | None = None
        self._count = 0

    def begin(self, frame: Frame, kind: EventKind, category: str, since: float, **fields: Any) -> Event:
        """Return the first message about an event.

        Args:
            frame: of this moment.
            kind: of the event.
            category: the class.
            since: when it began.
            **fields: other fields of `Event`.
        """
        if self._began is None:  # so that two watches of one source do not give the same ids
            self._began = f"{_utc(frame.timestamp):%Y%m%dT%H%M%S}"
        self._count += 1
        event = Event(
            EventType.NEW, f"{self._began}-{self._count}", kind, category, since,
            frame.seconds, frame.number, _utc(frame.timestamp).isoformat(timespec="milliseconds"), self._source,
            model=self._model, version=__version__, **{**self.answerer, **fields},
        )  # fmt: skip
        self.open[event.id] = event
        return event

    def update(self, frame: Frame, event_id: str, **fields: Any) -> Event:
        """Return a message about a change of an open event.

        Args:
            frame: of this moment.
            event_id: of the event.
            **fields: what is new.
        """
        event = self._again(frame, self.open[event_id], EventType.UPDATE, **fields)
        self.open[event_id] = event
        return event

    def end(self, frame: Frame, event_id: str, until: float) -> Event:
        """Return the last message about an event, which is closed by it.

        Args:
            frame: of this moment.
            event_id: of the event.
            until: when it ended.
        """
        return self._again(frame, self.open.pop(event_id), EventType.END, until=until)

    def _again(self, frame: Frame, event: Event, kind: EventType, **fields: Any) -> Event:
        timestamp = _utc(frame.timestamp).isoformat(timespec="milliseconds")
        return replace(event, type=kind, seconds=frame.seconds, frame=frame.number, timestamp=timestamp, **fields)


def _utc(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
