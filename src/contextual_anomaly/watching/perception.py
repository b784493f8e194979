"""What is seen in a frame, from all frames so far: objects that are followed, and what the context model says of them."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.watching.context import Answer, Context
from contextual_anomaly.watching.expectation import Expectation
from contextual_anomaly.watching.following import Followed
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.tracking import Track
from contextual_anomaly.watching.visibility import Visibility

ASK_AT_MOST = 0.5
"""Seconds between two questions to the model."""
ASK_AT_LEAST = 4.0
"""Seconds after which it is asked again though the classes are the same: objects move, and are surer by then."""
UNDETECTED = "undetected"
"""Why nothing is seen where a frame could not be decoded, or no detector answered."""


@dataclass(frozen=True)
class Percept:
    """What is seen in a frame.

    Attributes:
        frame: the frame.
        context: what asks the model.
        bad: whether this frame says nothing.
        blind: why nothing has been seen for some time; None if that is not so.
        recovered: whether it was so until this frame.
        passed: seconds since the last frame that said something; 0 where it was blind in between.
        on: the objects that are there.
        classes: theirs.
        absent: [C] classes that were looked for long enough, and are not there.
        answer: what the model says; None before it was asked.
        explained: [C] log-odds that a report of each class has an ordinary cause, by this moment and the last minutes; None
            where nothing is compared.
    """

    frame: Frame
    context: Context
    bad: bool
    blind: str | None
    recovered: bool
    passed: float
    on: list[Track]
    classes: frozenset[str]
    absent: np.ndarray
    answer: Answer | None
    explained: np.ndarray | None


class Perception:
    """Sees one frame after another."""

    def __init__(self, checker: Checker, blind_after: float) -> None:
        """Have seen nothing yet.

        Args:
            checker: model and calibrations.
            blind_after: seconds of bad frames after which nothing counts as seen.
        """
        self.checker = checker
        self.size: tuple[int, int] | None = None
        self.detected = self.own = False
        self.context: Context | None = None
        self.followed: Followed
        self._expectation: Expectation
        self._blind_after = blind_after
        self._visibility = Visibility()
        self._answer: Answer | None = None
        self._asked: tuple[float, frozenset[str]] = -np.inf, frozenset()
        self._looked: float | None = None
        self._bad_since: float | None = None

    def step(self, frame: Frame, objects: ImageObjects | None) -> Percept:
        """Take the next frame.

        Args:
            frame: whose seconds do not fall.
            objects: that were found in it; None where it could not be decoded or no detector answered.
        """
        why = UNDETECTED if objects is None else self._visibility.why_not(frame)
        if self.context is None or (objects is not None and objects.detected and not self.detected):
            self._begin(frame, objects)
        lasted = self._bad_since is not None and frame.seconds - self._bad_since >= self._blind_after
        if why is None and objects is not None:
            self._bad_since = None
            return self._look(frame, objects, lasted)
        if self._bad_since is None:
            self._bad_since = frame.seconds
        return self._percept(frame, True, why if lasted else None, False, 0.0)

    def _begin(self, frame: Frame, objects: ImageObjects | None) -> None:
        """Choose the calibration by what the source gives."""
        self.detected = objects is not None and objects.detected
        self.own = frame.objects is None and frame.pixels is not None
        self.context = Context(self.checker, self.detected, self.own)
        classes = self.checker.model.classes
        self.followed = Followed(classes, self.context.curves)
        self._expectation = Expectation(len(classes), self.context.confusions)

    def _look(self, frame: Frame, objects: ImageObjects, was_blind: bool) -> Percept:
        passed = 0.0 if self._looked is None or was_blind else max(0.0, frame.seconds - self._looked)
        self._looked = frame.seconds
        self.size = objects.size or frame.size or self.size
        names, _ = self.checker.known_names(objects.names)
        self.followed.look(names, objects.scores, objects.boxes, frame.seconds)
        return self._percept(frame, False, None, was_blind, passed)

    def _percept(self, frame: Frame, bad: bool, blind: str | None, recovered: bool, passed: float) -> Percept:
        assert self.context is not None
        on = self.followed.on
        classes = frozenset(track.category for track in on)
        answer = self._answer if bad else self._ask(classes, frame.seconds)
        explained = None
        if answer is not None and answer.compared and not bad:
            explained = self._expectation.step(answer.log_odds, passed)
        absent = self.followed.absent
        return Percept(frame, self.context, bad, blind, recovered, passed, on, classes, absent, answer, explained)

    def _ask(self, classes: frozenset[str], seconds: float) -> Answer:
        """Return what the model says; asked anew where classes came or left, or objects had time to move."""
        assert self.context is not None
        asked, of_classes = self._asked
        since = seconds - asked
        if self._answer is not None and (since < ASK_AT_MOST or (since < ASK_AT_LEAST and of_classes == classes)):
            return self._answer
        # Where nobody said how sure an object is, those that are there count as certain.
        tracks = self.followed.tracks if self.detected else self.followed.on
        presence = [track.presence if self.detected else 1.0 for track in tracks]
        names, boxes = [track.category for track in tracks], [track.box for track in tracks]
        self._asked = seconds, classes
        self._answer = self.context.ask(names, presence, boxes, self.size)
        return self._answer
