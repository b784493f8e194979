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

VISITS_TO_IMAGES = 3.0
"""By how much p-values from single images are raised for visits. What is brief, and what a detector takes for something else,
is a larger share of visits than of what stands in an image at some moment: in the synthetic world, visits are some two to
three times as often odd as their p-values say. A calibration of the camera, which is one of visits, needs no such factor."""


@dataclass
class Visit:
    """The time in which objects of a class are there.

    Attributes:
        category: the class.
        track: the object that is there most surely, or was at last.
        since: seconds of the source when the first came on.
        last: when one was on the last time.
        test: of this visit; None before there is anything to compare.
        worst: the lowest log-odds that lasted for a second.
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
    log_odds: float,
    budget: Budget,
    hours: float,
    calibration: TrackCalibration | None,
) -> tuple[bool, bool]:
    """Take the evidence of one moment, and return whether it raises the alarm, and whether it was a look of the test.

    Args:
        visit: whose class is there.
        passed: seconds since the last moment.
        p_value: of this moment.
        log_odds: of this moment.
        budget: of false alarms.
        hours: watched so far.
        calibration: of this camera; None without.
    """
    if visit.test is None:
        visit.test = RepeatedTest(budget.grant(hours))
        passed = 0.0
    visit.worst.step(log_odds, passed)
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
    return bool(test.look(min(1.0, VISITS_TO_IMAGES * p_value))), True
