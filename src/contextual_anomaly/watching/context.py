"""What the context model says of the scene of the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from contextual_anomaly.checking.checker import FEWEST_CLASSES, Checker
from contextual_anomaly.checking.objects import Box
from contextual_anomaly.checking.results import Attribution
from contextual_anomaly.models.calibration import Calibration, rank_p_value
from contextual_anomaly.models.confusions import Confusions
from contextual_anomaly.models.evidence import SceneEvidence, scene_evidence
from contextual_anomaly.models.score_curve import MIN_SCORE, PRESENT
from contextual_anomaly.stats.log_odds import expit
from contextual_anomaly.watching.presence import DetectorCurves

UNKNOWN_CONFUSIONS = 3.0
"""By how much p-values from images are raised where nobody knows what the detector takes for something else: without that,
visits are some two to three times as often odd as their p-values say, as measured in the synthetic world. With it they are as
often odd as that."""


@dataclass(frozen=True)
class Answer:
    """What the model says of C classes, given all the others.

    Attributes:
        evidence: what it was given.
        log_odds: [C] that the class is present.
        p_value: [C] of present classes as unexpected, of absent ones as missing; NaN where there is none.
        seen: [C] the classes that are there.
        unseen: [C] those of which nothing is seen.
        compared: whether there are enough classes for an answer.
        probability: [C] that the class is present.
        expected: the unseen classes, the most probable first.
    """

    evidence: SceneEvidence
    log_odds: np.ndarray
    p_value: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray
    compared: bool
    probability: list[float]
    expected: list[int]


class Context:
    """Asks a checker's model about followed objects, whose presence is known from all frames so far."""

    def __init__(self, checker: Checker, detected: bool, own: bool) -> None:
        """Choose the calibration.

        Args:
            checker: model and calibrations.
            detected: whether the source gives scores.
            own: whether the objects are those of the checker's detector.
        """
        self.checker = checker
        known = checker.detector is not None and (own or checker.detector.given)
        self._behind = checker.behind_detector if detected and known else None
        self.calibration: Calibration | None = self._behind or checker.annotated
        self.detector = checker.detector.name if checker.detector and detected and known else None
        self.place = {name: number for number, name in enumerate(checker.model.classes)}
        limit = self.calibration.minimum_classes if self.calibration else 0
        self.fewest = max(FEWEST_CLASSES, limit)
        self.note = None
        if self.calibration is None:
            self.note = "no calibration: nothing is flagged"
        elif detected and self._behind is None:
            self.note = "calibrated on annotations: behind this detector the rate of false alarms is not promised"

    @cached_property
    def calibration_name(self) -> str | None:
        """Of what the p-values are, as in the answers of `check`."""
        return None if self.calibration is None else "detections" if self._behind else "annotations"

    @cached_property
    def recall(self) -> np.ndarray:
        """[C] of the detector."""
        return self.curves.recall_of(list(self.checker.model.classes))

    @cached_property
    def curves(self) -> DetectorCurves:
        """What the scores of the detector mean."""
        if self._behind is None or self._behind.score_curve is None:
            return DetectorCurves()
        return DetectorCurves.of(self._behind.score_curve, self._behind.rates)

    def ask(
        self,
        names: Sequence[str],
        presence: Sequence[float],
        boxes: Sequence[Box | None],
        size: tuple[int, int] | None,
    ) -> Answer:
        """Ask about K objects.

        Args:
            names: [K] their classes, as the model has them.
            presence: [K] probabilities that they are there; what is below `MIN_SCORE` is no evidence.
            boxes: [K] boxes; None where there is none.
            size: width and height of the picture.
        """
        taken = [value if value >= MIN_SCORE else 0.0 for value in presence]
        evidence = scene_evidence(self.checker.model, names, taken, boxes, size)
        log_odds = self.checker.model.log_odds(evidence.presence, evidence.geometry)[self.checker.variant][0]
        log_odds = log_odds.astype(np.float64)
        seen, unseen = evidence.presence[0] >= PRESENT, evidence.presence[0] == 0
        compared = int(seen.sum()) >= self.fewest
        p_value = np.full(len(log_odds), np.nan)
        if compared and self.calibration is not None:
            p_value = self.calibration.of_scene(log_odds, seen, unseen)
        absent = np.flatnonzero(unseen)
        expected = absent[np.argsort(-log_odds[absent], kind="stable")].tolist()
        return Answer(evidence, log_odds, p_value, seen, unseen, compared, expit(log_odds).tolist(), expected)

    @property
    def confusions(self) -> Confusions | None:
        """What the detector takes for something else."""
        return None if self.calibration is None else self.calibration.confusions

    @property
    def ordinary(self) -> np.ndarray:
        """[n] log-odds that the objects of the calibration have an ordinary cause, ascending."""
        assert self.calibration is not None
        return self.calibration.present if self.calibration.explained is None else self.calibration.explained

    def p_unexpected(self, explained: np.ndarray) -> np.ndarray:
        """Return p-values of present classes.

        Args:
            explained: [C] log-odds that a report of each class has an ordinary cause.
        """
        p_value = rank_p_value(self.ordinary, explained)
        return p_value if self.confusions is not None else np.minimum(1.0, UNKNOWN_CONFUSIONS * p_value)

    def reasons(self, answer: Answer, category: str) -> tuple[Attribution, ...]:
        """Return what the log-odds of a class are made of."""
        target = self.place[category]
        evidence = answer.evidence
        return self.checker.attributions(evidence.presence, evidence.geometry, np.array([target]))[target]
