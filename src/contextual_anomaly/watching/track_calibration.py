"""A camera as its own calibration: how odd the ordinary visits and scenes of this camera look at their oddest.

A visit is judged as a whole, by its worst second, as Laxhammar and Falkman judge trajectories (FUSION 2011): among ordinary
visits that are exchangeable, one is as odd as the oddest share α with a chance of at most α, however the seconds of a visit
depend on each other.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import rank_p_value
from contextual_anomaly.runtime.arrow import to_numpy

SECOND = 1.0
"""Seconds for which something has to last before it counts."""
UNEXPECTED, MISSING = "unexpected", "missing"
SCORES = "explained"
"""What the scores of visits are: log-odds of an ordinary cause. Those of earlier versions were of the class alone."""


class WorstSecond:
    """The lowest value that was not exceeded for a second."""

    def __init__(self) -> None:
        """Nothing has lasted yet."""
        self.value: float | None = None
        self._recent: deque[tuple[float, float]] = deque()
        self._seconds = 0.0

    def step(self, value: float, passed: float) -> None:
        """Take a value that held for the last ``passed`` seconds."""
        self._seconds += passed
        self._recent.append((self._seconds, value))
        # The oldest value kept is the one that held when the second began.
        while len(self._recent) > 1 and self._recent[0][0] <= self._seconds - SECOND:
            self._recent.popleft()
        if self._seconds >= SECOND:
            level = max(kept for _, kept in self._recent)
            self.value = level if self.value is None else min(self.value, level)


@dataclass(frozen=True)
class OrdinaryScores:
    """Scores of n ordinary visits, or scenes.

    Attributes:
        scores: [n] ascending; lower is odder.
    """

    scores: np.ndarray

    @property
    def smallest(self) -> float:
        """The smallest p-value that there can be."""
        return 1 / (1 + len(self.scores))

    def can_promise(self, alpha: float) -> bool:
        """Return whether a test may be made whose chance of a false alarm is ``alpha``."""
        return self.smallest <= alpha

    def p_value(self, score: float) -> float:
        """Return the share of ordinary scores that are as low or lower, this one counted."""
        return float(rank_p_value(self.scores, np.array([score]))[0])

    def with_score(self, score: float) -> "OrdinaryScores":
        """Return these and one more."""
        return OrdinaryScores(np.insert(self.scores, np.searchsorted(self.scores, score), score))


@dataclass(frozen=True)
class TrackCalibration:
    """What is ordinary for one camera, behind one model and one detector.

    Attributes:
        unexpected: of visits: the lowest log-odds of an ordinary cause that lasted for a second.
        missing: of settled scenes: the highest log-odds of a class that was looked for and not there, negated.
        seconds: that were watched for it.
        model_digest: of the model.
        detector: name of the detector; "" without.
    """

    unexpected: OrdinaryScores
    missing: OrdinaryScores
    seconds: float
    model_digest: str
    detector: str = ""

    @classmethod
    def of(
        cls, unexpected: Sequence[float], missing: Sequence[float], seconds: float, model: ContextModel, detector: str
    ) -> "TrackCalibration":
        """Return the calibration of what was collected.

        Args:
            unexpected: scores of visits.
            missing: scores of scenes.
            seconds: watched.
            model: the context model.
            detector: name of the detector; "" without.
        """
        first, second = (OrdinaryScores(np.sort(np.array(each, float))) for each in (unexpected, missing))
        return cls(first, second, seconds, registry.digest(model), detector)

    @classmethod
    def together(cls, parts: Sequence["TrackCalibration"]) -> "TrackCalibration":
        """Return the calibration of several cameras, or of several times of one.

        Args:
            parts: one or more, behind the same model and detector.
        """
        unexpected, missing = (
            OrdinaryScores(np.sort(np.concatenate([getattr(part, kind).scores for part in parts])))
            for kind in (UNEXPECTED, MISSING)
        )
        return replace(parts[0], unexpected=unexpected, missing=missing, seconds=sum(part.seconds for part in parts))

    @property
    def lowest_rates(self) -> tuple[float, float]:
        """The false alarms an hour that can be promised already, for unexpected objects and for missing classes."""
        hours = self.seconds / 3600
        return tuple(
            max(len(each.scores), 1) / hours * each.smallest if hours else float("inf")
            for each in (self.unexpected, self.missing)
        )  # pyright: ignore[reportReturnType]

    def with_score(self, kind: str, score: float) -> "TrackCalibration":
        """Return this and one more ordinary visit or scene."""
        return replace(self, **{kind: getattr(self, kind).with_score(score)})


def write_track_calibration(calibration: TrackCalibration, path: str | Path) -> None:
    """Write the calibration of a camera as `tables.TRACK_CALIBRATION`."""
    both = calibration.unexpected.scores, calibration.missing.scores
    kind = [UNEXPECTED] * len(both[0]) + [MISSING] * len(both[1])
    table = pa.table([pa.array(kind, pa.string()), pa.array(np.concatenate(both))], schema=tables.TRACK_CALIBRATION)
    about = {
        "seconds": repr(calibration.seconds),
        "model_digest": calibration.model_digest,
        "detector": calibration.detector,
        "scores": SCORES,
    }
    tables.write_table(table, tables.TRACK_CALIBRATION, path, about)


def read_track_calibration(path: str | Path, model: ContextModel) -> TrackCalibration:
    """Read what `write_track_calibration` wrote.

    Args:
        path: the Parquet file.
        model: the context model that it is for.

    Raises:
        UserError: the file is missing, damaged, of another schema, or made with another model.
    """
    table = tables.read_table(path, tables.TRACK_CALIBRATION)
    about = tables.metadata_of(table)
    if about.get("model_digest") != registry.digest(model):
        raise UserError(f"{path}: made with another model than {model.name!r}. Calibrate this camera again.")
    if about.get("scores") != SCORES:
        raise UserError(f"{path}: made by an earlier version, whose scores were others. Calibrate this camera again.")
    score, first = to_numpy(table["score"]), np.array(table["kind"].to_pylist(), object) == UNEXPECTED
    try:
        return TrackCalibration(
            OrdinaryScores(np.sort(score[first])),
            OrdinaryScores(np.sort(score[~first])),
            float(about["seconds"]),
            about["model_digest"],
            about.get("detector", ""),
        )
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: not the calibration of a camera, or damaged. Calibrate this camera again.") from error
