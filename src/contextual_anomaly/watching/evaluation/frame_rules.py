"""The usual ways to judge a video, frame by frame, for comparison.

- raw: each frame by itself, as `check` judges images;
- 3 of 5: flagged in three of the last five frames;
- median of 10: the presence of a class is the median of its last ten scores, 0 where it was not found, as Frigate has it;
- mean of 5: the presence is the mean of the last five frames, as supervision's smoother has it.

Each flags present classes of a p-value of at most 1 %, and absent ones of at most 0.1 %, as `check` does.
"""

from collections.abc import Callable, Sequence

import numpy as np

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.models.base import Geometry
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.models.evidence import scene_evidence, stack_geometry
from contextual_anomaly.models.score_curve import PRESENT

Flags = tuple[np.ndarray, np.ndarray]
"""[N, C] of N frames and C classes, whether each is unexpected, and whether it is missing."""


class Frames:
    """The frames of one camera, as a context model takes them."""

    def __init__(self, checker: Checker, calibration: Calibration, frames: Sequence[ImageObjects]) -> None:
        """Take what a detector reports.

        Args:
            checker: model and rates.
            calibration: behind the detector.
            frames: N frames.
        """
        self.checker, self.calibration = checker, calibration
        curve = calibration.score_curve
        assert curve is not None
        found = [
            scene_evidence(
                checker.model,
                frame.names,
                curve.presence([score or 0.0 for score in frame.scores]).tolist(),
                frame.boxes,
                frame.size,
            )
            for frame in frames
        ]
        self.presence = np.concatenate([one.presence for one in found])
        geometry = [one.geometry for one in found if one.geometry is not None]
        self.geometry: Geometry | None = stack_geometry(geometry)

    def flags(self, presence: np.ndarray) -> Flags:
        """Return what is flagged where classes are present with some probability.

        Args:
            presence: [N, C].
        """
        log_odds = self.checker.model.log_odds(presence, self.geometry)[self.checker.variant].astype(np.float64)
        there = presence >= PRESENT
        enough = there.sum(1, keepdims=True) >= max(2, self.calibration.minimum_classes)
        rates = self.checker.false_alarms
        unexpected = there & enough & (self.calibration.unexpected(log_odds) <= rates.unexpected)
        missing = (presence == 0) & enough & (self.calibration.missing(log_odds) <= rates.missing)
        return unexpected, missing

    def by_rule(self) -> dict[str, Flags]:
        """Return the flags of each rule."""
        raw = self.flags(self.presence)
        three = tuple(_over_last(flags, 5, lambda last: last.sum(0) >= 3) for flags in raw)
        return {
            "raw": raw,
            "3 of 5": three,  # pyright: ignore[reportReturnType]
            "median of 10": self.flags(_over_last(self.presence, 10, lambda last: np.median(last, axis=0))),
            "mean of 5": self.flags(_over_last(self.presence, 5, lambda last: last.mean(0))),
        }


def _over_last(values: np.ndarray, count: int, combine: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return what is combined of the last ``count`` rows at each row; before the first there is nothing."""
    before = np.concatenate([np.zeros((count - 1, *values.shape[1:]), values.dtype), values])
    return combine(np.stack([before[row : row + len(values)] for row in range(count)])).astype(values.dtype)
