"""Events: what a watch tells, plain data, one JSON object a line.

`SCHEMA` names the form of `Event.to_dict`; a change that a reader could notice gives it another number. All fields are always
there:

| field | what it is |
| --- | --- |
| `schema` | `"contextual-anomaly.event/1"` |
| `type` | `"new"`, `"update"` (another probability, place or picture), `"end"` |
| `id` | of the event, the same in all its messages |
| `kind` | `"unexpected"`: an object that does not belong; `"missing"`: a class that is expected and not there; `"gone"`: an object that was there and left |
| `category` | the class |
| `since`, `until` | when it began and ended: seconds of the source; `until` is null before the end |
| `timestamp` | of this message: ISO 8601, UTC |
| `seconds`, `frame` | of this message in the source |
| `probability` | that the class is present, given the others; null where nothing is compared |
| `p_value` | of the one test of this object or of this scene; null where there is none |
| `attributions` | a list of `{"category", "log_odds"}`, as in the answers of `check` |
| `box` | `[x, y, width, height]` in pixels; of what is gone the last one; null for missing classes |
| `track` | number of the followed object; null for missing classes |
| `zone` | name of the zone; null without zones |
| `snapshot` | path of a picture, relative to the folder of events; null without |
| `source` | what is watched, without passwords |
| `model`, `detector`, `calibration`, `version` | what answered: names, and the version of the package |
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from contextual_anomaly.checking.results import Attribution

SCHEMA = "contextual-anomaly.event/1"


class EventType(StrEnum):
    """What a message says of its event."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


class EventKind(StrEnum):
    """Kinds of events."""

    UNEXPECTED = "unexpected"
    MISSING = "missing"
    GONE = "gone"


@dataclass(frozen=True)
class Event:
    """One message about an event; the module's text describes the fields."""

    type: EventType
    id: str
    kind: EventKind
    category: str
    since: float
    seconds: float
    frame: int
    timestamp: str
    source: str
    until: float | None = None
    probability: float | None = None
    p_value: float | None = None
    attributions: tuple[Attribution, ...] = ()
    box: tuple[float, float, float, float] | None = None
    track: int | None = None
    zone: str | None = None
    snapshot: str | None = None
    model: str | None = None
    detector: str | None = None
    calibration: str | None = None
    version: str | None = None

    def to_dict(self) -> Mapping[str, Any]:
        """Return the event as JSON has it."""
        fields = {"schema": SCHEMA, **asdict(self)}
        return {**fields, "type": str(self.type), "kind": str(self.kind)}
