"""Classes that are expected and not there: one test a settled scene.

A scene that is settled is tested once, for all classes that could be missing: they share its chance of a false alarm in
proportion to how surely the detector would see them. Looks are after 1, 2, 4 … times the time that a scene needs to settle.
"""

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
        alpha: the chance of a false alarm that this scene may have; None before it has settled.
        test: [C] of the classes.
        worst: the highest log-odds of an absent class that lasted for a second, negated.
        rejected: whether the camera's own calibration has raised an alarm.
    """

    classes: frozenset[str]
    since: float
    alpha: float | None = None
    test: RepeatedTest = field(default_factory=lambda: RepeatedTest(0.0))
    worst: WorstSecond = field(default_factory=WorstSecond)
    rejected: bool = False


class SettledScenes:
    """The scene of the moment, and the test of what is missing from it."""

    def __init__(self, settings: WatchSettings, classes: int) -> None:
        """Begin with an empty scene.

        Args:
            settings: of the watch.
            classes: C, the number of classes.
        """
        self.settings = settings
        self.current = SettledScene(frozenset(), -np.inf)
        self.share = np.full(classes, 1 / classes)

    def set_recall(self, recall: np.ndarray) -> None:
        """Divide the chance of a false alarm of a scene among the classes.

        Args:
            recall: [C] of the detector.
        """
        self.share = recall / recall.sum()

    def update(self, classes: frozenset[str], seconds: float) -> SettledScene | None:
        """Take over which classes are there, and return the scene that is over, if one is.

        Args:
            classes: that are there.
            seconds: of the source.
        """
        if classes == self.current.classes and self.current.since > -np.inf:
            return None
        over, self.current = self.current, SettledScene(classes, seconds)
        return over

    def unsettle(self, seconds: float) -> None:
        """Begin anew: nothing could be seen."""
        self.current = SettledScene(self.current.classes, seconds)

    def settled(self, seconds: float) -> bool:
        """Return whether the classes have not changed for long enough."""
        return self.settings.settled_after <= seconds - self.current.since < np.inf

    def look(
        self,
        passed: float,
        candidate: np.ndarray,
        p_value: np.ndarray,
        log_odds: np.ndarray,
        budget: Budget,
        hours: float,
        calibration: TrackCalibration | None,
    ) -> list[tuple[int, float]]:
        """Take the evidence of one moment, and return the classes that raise the alarm and the p-values of their tests.

        Args:
            passed: seconds since the last moment.
            candidate: [C] classes that were looked for, are not there, and are not known to be missing.
            p_value: [C] of this moment.
            log_odds: [C] of this moment.
            budget: of false alarms.
            hours: watched so far.
            calibration: of this camera; None without.
        """
        scene = self.current
        if scene.alpha is None:
            scene.alpha, first = budget.grant(hours), self.settings.settled_after
            scene.test = RepeatedTest(scene.alpha * self.share, first, evidence=first)
            passed = 0.0
        if candidate.any():
            scene.worst.step(-float(log_odds[candidate].max()), passed)
        if calibration is not None and calibration.missing.can_promise(scene.alpha):
            return self._by_calibration(scene, candidate, log_odds, calibration)
        scene.test.evidence += passed
        if not scene.test.due:
            return []
        raised = scene.test.look(np.where(candidate, p_value, 1.0)) & candidate
        return [(column, float(scene.test.p_value[column])) for column in np.flatnonzero(raised).tolist()]

    def _by_calibration(
        self, scene: SettledScene, candidate: np.ndarray, log_odds: np.ndarray, calibration: TrackCalibration
    ) -> list[tuple[int, float]]:
        """Return the class that makes this scene odder than the ordinary ones, once."""
        if scene.worst.value is None or scene.rejected or not candidate.any():
            return []
        p_value = calibration.missing.p_value(scene.worst.value)
        scene.rejected = scene.alpha is not None and p_value <= scene.alpha
        return [(int(np.argmax(np.where(candidate, log_odds, -np.inf))), p_value)] if scene.rejected else []
