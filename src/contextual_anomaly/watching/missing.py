"""Classes that are expected and not there: one test a settled scene, and what was there and left."""

from dataclasses import dataclass, field

import numpy as np

from contextual_anomaly.watching.budget import Budget
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.track_calibration import TrackCalibration, WorstSecond
from contextual_anomaly.watching.track_tests import RepeatedTest


@dataclass
class SettledScene:
    """A scene whose classes have not changed for some seconds.

    Attributes:
        classes: that are there.
        since: seconds of the source when the last change was.
        test: of this scene, one for each class of the model; None before it has settled.
        worst: the highest log-odds of an absent class that lasted for a second, negated.
    """

    classes: frozenset[str]
    since: float
    test: RepeatedTest | None = None
    worst: WorstSecond = field(default_factory=WorstSecond)


class SettledScenes:
    """The scene of the moment, and the test of what is missing from it."""

    def __init__(self, settings: WatchSettings, share: np.ndarray) -> None:
        """Begin with an empty scene.

        Args:
            settings: of the watch.
            share: [C] of each class in the chance of a false alarm of a scene; they add up to 1.
        """
        self.settings, self.share = settings, share
        self.current = SettledScene(frozenset(), -np.inf)
        self.totals = np.zeros(len(share))

    def update(self, classes: frozenset[str], seconds: float) -> SettledScene | None:
        """Take over which classes are there, and return the scene that is over, if one is.

        Args:
            classes: that are there.
            seconds: of the source.
        """
        if classes == self.current.classes and np.isfinite(self.current.since):
            return None
        over, self.current = self.current, SettledScene(classes, seconds)
        return over

    def unsettle(self, seconds: float) -> None:
        """Begin anew: nothing could be seen."""
        self.current = SettledScene(self.current.classes, seconds)

    def settled(self, seconds: float) -> bool:
        """Return whether the classes have not changed for long enough."""
        return seconds - self.current.since >= self.settings.settled_after

    def look(
        self,
        passed: float,
        candidate: np.ndarray,
        p_value: np.ndarray,
        log_odds: np.ndarray,
        budget: Budget,
        hours: float,
        calibration: TrackCalibration | None,
    ) -> np.ndarray:
        """Take the evidence of one moment, and return which classes raise the alarm, [C].

        Args:
            passed: seconds since the last moment.
            candidate: [C] classes that were looked for, are not there, and are not known to be missing.
            p_value: [C] of this moment.
            log_odds: [C] of this moment.
            budget: of false alarms.
            hours: watched so far.
            calibration: of this camera; None without.
        """
        scene, nothing = self.current, np.zeros(len(candidate), bool)
        if scene.test is None:
            scene.test = RepeatedTest(budget.grant(hours), evidence=1.0)
            self.totals = np.zeros(len(candidate))
        else:
            scene.test.evidence += passed
        test = scene.test
        if candidate.any():
            scene.worst.step(-float(log_odds[candidate].max()), passed)
        if calibration is not None and calibration.missing.can_promise(test.alpha):
            if not candidate.any() or scene.worst.value is None or test.rejected:
                return nothing
            if calibration.missing.p_value(scene.worst.value) > test.alpha:
                return nothing
            test.rejected = True
            return candidate & (log_odds >= -scene.worst.value)
        if not test.due:
            return nothing
        test.looks += 1
        self.totals += np.where(candidate, np.nan_to_num(p_value, nan=1.0), 1.0)
        combined = 2 * self.totals / test.looks
        return candidate & (combined <= test.alpha * 2.0**-test.looks * self.share)
