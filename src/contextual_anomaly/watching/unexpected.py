"""Objects that do not belong: one test a visit.

The model speaks of classes. Objects of one class that are there together, or follow each other within some seconds, are
therefore one visit and have one test, and an object whose track breaks in two is not tested twice.
"""

from dataclasses import dataclass, field

from contextual_anomaly.watching.budget import Budget
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.track_calibration import TrackCalibration, WorstSecond
from contextual_anomaly.watching.track_tests import RepeatedTest
from contextual_anomaly.watching.tracking import Track


@dataclass
class Visit:
    """The time in which objects of a class are there.

    Attributes:
        category: the class.
        track: the object that is there most surely, or was at last.
        since: seconds of the source when the first came on.
        last: when one was on the last time.
        test: of this visit; None before there is anything to compare.
        worst: the lowest log-odds of an ordinary cause that lasted for a second.
        event: id of the event that was raised; None without.
        calibrated: the p-value by the camera's own calibration; None without.
    """

    category: str
    track: Track
    since: float
    last: float
    test: RepeatedTest | None = None
    worst: WorstSecond = field(default_factory=WorstSecond)
    event: str | None = None
    calibrated: float | None = None

    @property
    def p_value(self) -> float | None:
        """Of the test so far."""
        if self.calibrated is not None:
            return self.calibrated
        return float(self.test.p_value) if self.test and self.test.looks else None


class Visits:
    """The visits of the moment."""

    def __init__(self, settings: WatchSettings) -> None:
        """Begin without any."""
        self.settings = settings
        self.current: dict[str, Visit] = {}

    def update(self, on: list[Track], seconds: float) -> list[Visit]:
        """Take over which objects are there, and return the visits that are over.

        Args:
            on: the objects that are there.
            seconds: of the source.
        """
        for track in sorted(on, key=lambda track: track.log_odds):
            visit = self.current.get(track.category)
            if visit is None:
                visit = self.current[track.category] = Visit(track.category, track, seconds, seconds)
            visit.track, visit.last = track, seconds
        over = [v for v in self.current.values() if seconds - v.last >= self.settings.ends_after]
        for visit in over:
            del self.current[visit.category]
        return over


def look(
    visit: Visit,
    passed: float,
    p_value: float,
    explained: float,
    budget: Budget,
    hours: float,
    calibration: TrackCalibration | None,
) -> tuple[bool, bool]:
    """Take the evidence of one moment, and return whether it raises the alarm, and whether it was a look of the test.

    Args:
        visit: whose class is there.
        passed: seconds since the last moment.
        p_value: of this moment.
        explained: log-odds of this moment that the visit has an ordinary cause.
        budget: of false alarms.
        hours: watched so far.
        calibration: of this camera; None without.
    """
    if visit.test is None:
        visit.test = RepeatedTest(budget.grant(hours))
        passed = 0.0
    visit.worst.step(explained, passed)
    test = visit.test
    test.evidence += passed
    if calibration is not None and calibration.unexpected.can_promise(float(test.alpha)):
        if visit.worst.value is None:
            return False, False
        before, visit.calibrated = visit.calibrated, calibration.unexpected.p_value(visit.worst.value)
        raised = visit.calibrated <= float(test.alpha) and not test.rejected
        test.rejected = bool(test.rejected or raised)
        return raised, before != visit.calibrated
    if not test.due:
        return False, False
    return bool(test.look(p_value)), True
