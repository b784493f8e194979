"""Whether a followed object is there: log-odds that every look changes, by what the detector finds and overlooks.

A hidden Markov model of two states, there and not there, filtered forward. Looks that follow each other closely repeat each
other, so that each counts for the time since the last one, and no more than one look in `REPEATS`. The log-odds stay within
`LIMIT`, so that an object that leaves is soon known to have left (the clamping policy of OctoMap).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.models.score_curve import AS_IT_IS, DetectionRates, ScoreCurve
from contextual_anomaly.stats.log_odds import expit, logit

LIMIT = 6.0
"""Log-odds are kept from -6 to 6."""
ON, OFF = 3.0, -2.0
"""An object comes on at 95 % and goes off at 12 %: what lies between changes nothing (hysteresis)."""
CHANGE = 60.0
"""Seconds after which an object that was there may have left, and one may have come, on average. Long after the last look it
is not known any more whether it is there, and no look is needed to say so."""
REPEATS = 0.3
"""Seconds after which a look is new evidence: the mistakes of a detector last for some frames."""

LEAST_RECALL, LARGEST_RECALL = 0.05, 0.9
"""What a detector overlooks once it soon overlooks again: no look says more than this."""


@dataclass(frozen=True)
class DetectorCurves:
    """What a detector's answers mean.

    Attributes:
        score_curve: P(there | score) of what it reports in a single image.
        recall: of each class: the share of those that are there which it reports.
        usual_recall: of classes of which nothing is known.
        repeated: P(it reports an object once more where it took nothing for an object before).
        precision: share of what it reports that is there.
    """

    score_curve: ScoreCurve = AS_IT_IS
    recall: Mapping[str, float] = field(default_factory=dict)
    usual_recall: float = 0.7
    repeated: float = 0.2
    precision: float = 0.5

    @classmethod
    def of(cls, score_curve: ScoreCurve, rates: DetectionRates | None) -> "DetectorCurves":
        """Return the curves of a detector that has been measured.

        Args:
            score_curve: what its scores mean.
            rates: how often it is right; None where nobody has counted.
        """
        if rates is None:
            return cls(score_curve)
        recall = {name: min(max(share, LEAST_RECALL), LARGEST_RECALL) for name, share in rates.recall.items()}
        usual = sum(recall.values()) / len(recall) if recall else cls.usual_recall
        return cls(score_curve, recall, usual, precision=min(max(rates.precision, 0.05), 0.95))

    def recall_of(self, names: list[str]) -> Float[np.ndarray, " K"]:
        """Return the recall of some classes."""
        return np.array([self.recall.get(name, self.usual_recall) for name in names])

    def first(self, score: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """Return the log-odds of objects that are reported for the first time.

        Args:
            score: [K] scores; NaN where the source gives none.
        """
        known = np.where(np.isnan(score), self.precision, score)
        return self.score_curve.intercept + self.score_curve.slope * logit(known)

    def seen(
        self, first: Float[np.ndarray, " K"], score: Float[np.ndarray, " K"], recall: Float[np.ndarray, " K"]
    ) -> Float[np.ndarray, " K"]:
        """Return log P(reported with this score | there) / P(the same | not there) of objects that are reported again.

        Args:
            first: [K] log-odds that `first` gives.
            score: [K] scores; NaN where the source gives none.
            recall: [K] of their classes.
        """
        by_score = first - math.log(self.precision / (1 - self.precision))
        return np.log(recall / self.repeated) + np.where(np.isnan(score), 0.0, by_score)

    def unseen(self, recall: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """Return log P(not reported | there) / P(not reported | not there)."""
        return np.log((1 - recall) / (1 - self.repeated))


def weight(seconds: float) -> float:
    """Return for how much of a look a look counts that follows another after some seconds."""
    return min(1.0, seconds / REPEATS)


def passed(log_odds: Float[np.ndarray, " K"], seconds: float) -> Float[np.ndarray, " K"]:
    """Return the log-odds after some seconds without a look: objects may have come or left.

    Args:
        log_odds: [K] at the last look.
        seconds: since then.
    """
    there = expit(log_odds)
    there += (0.5 - there) * -np.expm1(-2 * seconds / CHANGE)
    return np.log(there) - np.log1p(-there)


def looked(log_odds: Float[np.ndarray, " K"], evidence: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """Return the log-odds after a look, within `LIMIT`."""
    return np.clip(log_odds + evidence, -LIMIT, LIMIT)


def switched(on: Bool[np.ndarray, " K"], log_odds: Float[np.ndarray, " K"]) -> Bool[np.ndarray, " K"]:
    """Return which objects are on after a look.

    Args:
        on: [K] which were before.
        log_odds: [K] after the look.
    """
    return (log_odds >= ON) | (on & (log_odds > OFF))
