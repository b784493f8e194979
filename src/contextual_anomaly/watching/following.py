"""The objects that are followed, and the classes of which nothing is seen: what each look changes."""

from collections.abc import Sequence

import numpy as np

from contextual_anomaly.checking.objects import Box
from contextual_anomaly.models.score_curve import MIN_SCORE
from contextual_anomaly.stats.log_odds import logit
from contextual_anomaly.watching.presence import LIMIT, OFF, DetectorCurves, looked, passed, switched, weight
from contextual_anomaly.watching.tracking import LIKELY, Track, assign

FORGOTTEN_AFTER = 3.0
"""Seconds without being found after which an object that is not on is followed no more."""
LEAST = float(logit(MIN_SCORE))
"""Log-odds of an object that is no evidence for anything below."""
ABSENT = OFF
"""Log-odds at which a class counts as looked for and not there."""
STRAY = 0.01
"""P(the detector reports a class of which nothing is there)."""


class Followed:
    """Objects over time. One look after the other changes their log-odds."""

    def __init__(self, classes: Sequence[str], curves: DetectorCurves) -> None:
        """Follow nothing yet.

        Args:
            classes: those of the model, of which it is known whether they were looked for.
            curves: what the detector's answers mean.
        """
        self.curves = curves
        self.tracks: list[Track] = []
        self.absence = np.zeros(len(classes))
        self._place = {name: column for column, name in enumerate(classes)}
        self._unseen_class = np.log((1 - curves.recall_of(list(classes))) / (1 - STRAY))
        self._next = 1
        self._seconds: float | None = None

    @property
    def on(self) -> list[Track]:
        """The objects that are there."""
        return [track for track in self.tracks if track.on]

    @property
    def absent(self) -> np.ndarray:
        """[C] whether a class was looked for long enough, and is not there."""
        return self.absence <= ABSENT

    def _recall_of(self, category: str) -> float:
        return self.curves.recall.get(category, self.curves.usual_recall)

    def look(
        self, names: Sequence[str], scores: Sequence[float | None], boxes: Sequence[Box | None], seconds: float
    ) -> None:
        """Take over what is reported in one frame.

        Args:
            names: [K] classes.
            scores: [K] scores; None where the source gives none.
            boxes: [K] boxes; None where there is none.
            seconds: of the frame; they do not fall.
        """
        names, score, boxes = _distinct(names, scores, boxes)
        since = 0.0 if self._seconds is None else max(0.0, seconds - self._seconds)
        counts = 1.0 if self._seconds is None else weight(since)
        self._seconds = seconds
        first = self.curves.first(score)
        track_of = assign(self.tracks, names, boxes, (first >= LIKELY).tolist(), seconds)
        self._change(track_of, first, score, boxes, since, counts, seconds)
        for row in np.flatnonzero(track_of < 0).tolist():
            log_odds = float(np.clip(first[row], -LIMIT, LIMIT))
            self.tracks.append(Track(self._next, names[row], boxes[row], seconds, float(score[row]), log_odds))
            self._next += 1
        self.tracks = [track for track in self.tracks if track.on or seconds - track.seen <= FORGOTTEN_AFTER]
        self._look_for_classes(since, counts)

    def _change(
        self,
        track_of: np.ndarray,
        first: np.ndarray,
        score: np.ndarray,
        boxes: Sequence[Box | None],
        since: float,
        counts: float,
        seconds: float,
    ) -> None:
        """Update the log-odds of the followed objects."""
        if not self.tracks:
            return
        recall = np.array([self._recall_of(track.category) for track in self.tracks])
        evidence = self.curves.unseen(recall)
        found = np.flatnonzero(track_of >= 0)
        rows = track_of[found]
        evidence[rows] = self.curves.seen(first[found], score[found], recall[rows])
        before = np.array([track.log_odds for track in self.tracks])
        log_odds = looked(passed(before, since), evidence * counts)
        on = switched(np.array([track.on for track in self.tracks]), log_odds)
        for track, value, is_on in zip(self.tracks, log_odds.tolist(), on.tolist(), strict=True):
            track.log_odds = value
            track.on = is_on
        for row, number in zip(found.tolist(), rows.tolist(), strict=True):
            self.tracks[number].found(boxes[row], float(score[row]), seconds)

    def _look_for_classes(self, since: float, counts: float) -> None:
        """Update how surely each class is not there."""
        self.absence = looked(passed(self.absence, since), self._unseen_class * counts)
        for track in self.tracks:
            if track.log_odds >= LEAST and track.category in self._place:
                self.absence[self._place[track.category]] = 0.0


def _distinct(
    names: Sequence[str], scores: Sequence[float | None], boxes: Sequence[Box | None]
) -> tuple[list[str], np.ndarray, list[Box | None]]:
    """Return the objects, those without a box merged to one a class, with its largest score."""
    kept: dict[object, tuple[str, float, Box | None]] = {}
    for row, (name, given, box) in enumerate(zip(names, scores, boxes, strict=True)):
        score = float("nan") if given is None else given
        key = name if box is None else row
        if key not in kept or score > kept[key][1]:
            kept[key] = name, score, box
    columns = list(zip(*kept.values(), strict=True)) or [(), (), ()]
    return list(columns[0]), np.array(columns[1], float), list(columns[2])
