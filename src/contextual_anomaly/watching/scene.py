"""The scene of the moment: what a page, a picture or a metric shows."""

from dataclasses import asdict, dataclass
from typing import Any

from contextual_anomaly.checking.results import Attribution


@dataclass(frozen=True)
class SceneObject:
    """A followed object.

    Attributes:
        track: its number.
        category: its class.
        box: x, y, width and height in pixels; None where the source gives no boxes.
        presence: probability that it is there, from all frames so far.
        probability: that its class is present, given the others; None where nothing is compared.
        p_value: of the test of this track so far; None where there is none.
        flagged: whether an event is open for it.
        attributions: reasons of what is flagged.
    """

    track: int
    category: str
    box: tuple[float, float, float, float] | None
    presence: float
    probability: float | None = None
    p_value: float | None = None
    flagged: bool = False
    attributions: tuple[Attribution, ...] = ()


@dataclass(frozen=True)
class SceneAbsence:
    """A class that is expected and not there; fields as in `SceneObject`."""

    category: str
    probability: float
    p_value: float | None
    flagged: bool = False
    attributions: tuple[Attribution, ...] = ()


@dataclass(frozen=True)
class Promise:
    """Promised and seen false alarms.

    Attributes:
        per_hour: how many an hour are promised at most, on average; None if nothing is promised.
        hours: watched so far, without the time in which nothing could be seen.
        seen: events so far.
        lower, upper: interval of 95 % of the rate of events an hour.
        note: what limits the promise, such as a calibration that does not fit; None if nothing does.
    """

    per_hour: float | None
    hours: float
    seen: int
    lower: float
    upper: float
    note: str | None = None


@dataclass(frozen=True)
class Scene:
    """What is seen at one moment.

    Attributes:
        frame: number of the frame.
        seconds: of the source.
        blind: why nothing can be seen, as "black", "frozen" or "blurred"; None if the picture is good.
        settled: whether the objects have not changed for some seconds, so that missing classes are asked for.
        objects: the followed objects that are there.
        absent: the most probable absent classes.
        promise: of false alarms.
    """

    frame: int
    seconds: float
    blind: str | None
    settled: bool
    objects: tuple[SceneObject, ...]
    absent: tuple[SceneAbsence, ...]
    promise: Promise

    def to_dict(self) -> dict[str, Any]:
        """Return the scene as JSON has it."""
        return asdict(self)
