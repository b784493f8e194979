"""Watch one source: frame after frame in, events and the scene of the moment out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.models.score_curve import AS_IT_IS
from contextual_anomaly.watching.budget import HOUR, Budget, promise
from contextual_anomaly.watching.context import Answer, Context
from contextual_anomaly.watching.drift import Drift
from contextual_anomaly.watching.events import Event, EventKind, EventType
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.messages import Messages
from contextual_anomaly.watching.missing import SettledScenes
from contextual_anomaly.watching.perception import Percept, Perception
from contextual_anomaly.watching.scene import Promise, Scene
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.shown import scene_of
from contextual_anomaly.watching.track_calibration import MISSING, UNEXPECTED, OrdinaryScores, TrackCalibration
from contextual_anomaly.watching.unexpected import Visit, Visits, look

__all__ = ["Step", "WatchSettings", "Watcher"]

EXPECTED_NO_MORE = 0.05
"""P-value above which a class that was flagged as missing is not expected any more."""
SHARE_OF_UNEXPECTED = 0.9
"""Of the promised false alarms, those that may be unexpected objects; the others may be missing classes. Few classes are so
sure to be in view that their absence says anything, so that more would find no more of them."""


@dataclass(frozen=True)
class Step:
    """What a frame gives.

    Attributes:
        events: messages about events.
        scene: of the moment.
    """

    events: tuple[Event, ...]
    scene: Scene


class Watcher:
    """Watches one source. It is for one thread at a time.

    Attributes:
        perception: what sees.
        calibration: of this camera; None for the checker's own.
    """

    def __init__(
        self, checker: Checker, settings: WatchSettings, source: str, calibration: TrackCalibration | None = None
    ) -> None:
        """Begin to watch.

        Args:
            checker: model and calibrations.
            settings: what a person can set.
            source: what is watched, without passwords.
            calibration: of this camera; by default the checker's own.
        """
        self.checker, self.settings, self.calibration = checker, settings, calibration
        self.perception = Perception(checker, settings.blind_after)
        per_hour = settings.false_alarms_per_hour
        self._budgets = Budget(per_hour * SHARE_OF_UNEXPECTED), Budget(per_hour * (1 - SHARE_OF_UNEXPECTED))
        self._messages = Messages(source, checker.model.name)
        self._visits = Visits(settings)
        self._scenes = SettledScenes(settings, len(checker.model.classes))
        self._context: Context | None = None
        self._drift: Drift | None = None
        self._last: Percept | None = None
        self._seconds_watched = 0.0
        self._seen_events = 0
        self._fixtures: set[tuple[EventKind, str]] = set()
        self._ordinary: dict[str, list[float]] = {UNEXPECTED: [], MISSING: []}

    def step(self, frame: Frame, objects: ImageObjects | None) -> Step:
        """Take the next frame.

        Args:
            frame: whose seconds do not fall.
            objects: that were found in it; None where it could not be decoded or no detector answered.
        """
        percept = self.perception.step(frame, objects)
        events = self.decide(percept)
        settled = self._scenes.settled(frame.seconds)
        return Step(events, scene_of(percept, self._visits.current, self._messages, settled, self._promised()))

    def decide(self, percept: Percept) -> tuple[Event, ...]:
        """Return the messages about events that a frame gives, of what is seen in it.

        Args:
            percept: of the next frame, from `perception` or that of another watcher of the same source.
        """
        self._last = percept
        if percept.context is not self._context:
            self._begin(percept.context)
        events = () if percept.bad else tuple(self._follow(percept))
        self._seen_events += sum(one.type == EventType.NEW and one.kind != EventKind.GONE for one in events)
        return events

    def close(self) -> tuple[Event, ...]:
        """Return the ends of the open events."""
        for visit in self._visits.current.values():
            self._remember(UNEXPECTED, visit.worst.value)
        self._visits.current.clear()
        if self._last is None:
            return ()
        frame = self._last.frame
        return tuple(self._messages.end(frame, each, frame.seconds) for each in list(self._messages.open))

    def belongs_here(self, event_id: str) -> bool:
        """Take an event as ordinary for this camera: it ends, and its class is not flagged in this way again.

        Args:
            event_id: of an open event.

        Returns:
            Whether there is such an event. Its end is among the events of the next step.
        """
        event = self._messages.open.get(event_id)
        if event is None:
            return False
        self._fixtures.add((event.kind, event.category))
        return True

    def what_if(self, without: Sequence[int] = (), added: Sequence[str] = ()) -> CheckResult:
        """Return what a check of the scene of the moment would say if some objects left and others came.

        Args:
            without: numbers of followed objects that leave.
            added: classes of which an object comes.
        """
        seen = self.perception
        on = self._last.on if self._last else []
        kept = [track for track in on if track.number not in set(without)]
        objects = ImageObjects.of(
            [*(track.category for track in kept), *added],
            [*(track.presence for track in kept), *(1.0 for _ in added)] if seen.detected else None,
            [*(track.box for track in kept), *(None for _ in added)],
            size=seen.size,
        )
        behind = self.checker.behind_detector
        asked = replace(self.checker, behind_detector=behind and replace(behind, score_curve=AS_IT_IS))
        return asked.judge(objects, "what if", strict=True, own=seen.own)

    def own_calibration(self) -> TrackCalibration:
        """Return what was watched so far as the calibration of this camera; call `close` before."""
        detector = (self._context and self._context.detector) or ""
        return TrackCalibration.of(
            self._ordinary[UNEXPECTED],
            self._ordinary[MISSING],
            self._seconds_watched,
            self.checker.model,
            detector,
        )

    def _begin(self, context: Context) -> None:
        """Take over by what the source is judged."""
        self._context = context
        ordinary = None
        if self.calibration is not None:
            ordinary = self.calibration.unexpected
        elif context.calibration is not None:
            ordinary = OrdinaryScores(context.ordinary.astype(np.float64))
        self._drift = Drift(ordinary) if ordinary is not None else None
        name = "camera" if self.calibration else context.calibration_name
        self._messages.answerer = {"detector": context.detector, "calibration": name}
        self._scenes.set_recall(context.recall)

    def _follow(self, percept: Percept) -> list[Event]:
        """Return the messages about what a frame changes."""
        seconds = percept.frame.seconds
        self._seconds_watched += percept.passed
        events = self._dismissed(percept)
        for visit in self._visits.update(percept.on, seconds):
            events += self._over(percept, visit)
        if percept.recovered:
            self._scenes.unsettle(seconds)
        over = self._scenes.update(percept.classes, seconds)
        if over is not None:
            self._remember(MISSING, over.worst.value)
        answer = percept.answer
        if answer is not None and answer.compared and percept.context.calibration is not None:
            events += self._unexpected(percept, answer)
            if self._scenes.settled(seconds):
                events += self._missing(percept, answer)
        return events + self._seen_again(percept)

    def _dismissed(self, percept: Percept) -> list[Event]:
        """End the events that a person said are ordinary."""
        ordinary = [one.id for one in self._messages.open.values() if (one.kind, one.category) in self._fixtures]
        return [self._messages.end(percept.frame, each, percept.frame.seconds) for each in ordinary]

    def _unexpected(self, percept: Percept, answer: Answer) -> list[Event]:
        frame, context = percept.frame, percept.context
        assert percept.explained is not None
        p_values = context.p_unexpected(percept.explained)
        events = []
        for visit in self._visits.current.values():
            column = context.place.get(visit.category)
            if column is None or visit.last < frame.seconds or not answer.seen[column]:
                continue
            explained, p_value = float(percept.explained[column]), float(p_values[column])
            hours = self._seconds_watched / HOUR
            raised, looked = look(visit, percept.passed, p_value, explained, self._budgets[0], hours, self.calibration)
            if self.calibration is None and looked and visit.test is not None and visit.test.looks == 1:
                self._notice(explained)
            if (EventKind.UNEXPECTED, visit.category) in self._fixtures:
                continue
            told: dict[str, Any] = {
                "probability": answer.probability[column],
                "p_value": visit.p_value,
                "box": visit.track.box,
                "track": visit.track.number,
            }
            if raised:
                told["attributions"] = context.reasons(answer, visit.category)
                event = self._messages.begin(frame, EventKind.UNEXPECTED, visit.category, visit.since, **told)
                visit.event = event.id
                events.append(event)
            elif looked and visit.event in self._messages.open:
                events.append(self._messages.update(frame, visit.event, **told))
        return events

    def _missing(self, percept: Percept, answer: Answer) -> list[Event]:
        context = percept.context
        candidate = answer.unseen & percept.absent
        known = [(one.kind, one.category) for one in self._messages.open.values()]
        for kind, category in (*known, *self._fixtures):
            if kind == EventKind.MISSING:
                candidate[context.place[category]] = False
        hours = self._seconds_watched / HOUR
        raised = self._scenes.look(
            percept.passed, candidate, answer.p_value, answer.log_odds, self._budgets[1], hours, self.calibration
        )
        return [
            self._messages.begin(
                percept.frame,
                EventKind.MISSING,
                category := self.checker.model.classes[column],
                self._scenes.current.since,
                probability=answer.probability[column],
                p_value=p_value,
                attributions=context.reasons(answer, category),
            )
            for column, p_value in raised
        ]

    def _over(self, percept: Percept, visit: Visit) -> list[Event]:
        """Return the messages about a visit that is over."""
        events = []
        if visit.event in self._messages.open:
            events.append(self._messages.end(percept.frame, visit.event, visit.last))
        self._remember(UNEXPECTED, visit.worst.value)
        if self.calibration is not None and visit.worst.value is not None:
            self._notice(visit.worst.value)
        stayed = visit.last - visit.since >= self.settings.gone_after
        if stayed and (EventKind.GONE, visit.category) not in self._fixtures:
            told = {"box": visit.track.box, "track": visit.track.number}
            events.append(self._messages.begin(percept.frame, EventKind.GONE, visit.category, visit.last, **told))
        return events

    def _seen_again(self, percept: Percept) -> list[Event]:
        """Return the ends of what was missing or gone: it is there, or nothing lets expect it any more."""
        events = []
        for event in list(self._messages.open.values()):
            missing = event.kind == EventKind.MISSING
            there = event.kind != EventKind.UNEXPECTED and event.category in percept.classes
            if there or (missing and _expected_no_more(percept, event.category)):
                events.append(self._messages.end(percept.frame, event.id, percept.frame.seconds))
        return events

    def _remember(self, kind: str, score: float | None) -> None:
        """Keep the score of a visit or a scene for a calibration of this camera."""
        if score is not None:
            self._ordinary[kind].append(score)

    def _notice(self, score: float) -> None:
        if self._drift is not None:
            self._drift.add(score)

    def _promised(self) -> Promise:
        """Return what was promised and what was seen."""
        assert self._context is not None
        notes = [self._context.note, _unlike(self._drift, self.calibration)]
        promised = None if self._context.calibration is None else self.settings.false_alarms_per_hour
        note = "; ".join(filter(None, notes)) or None
        return promise(promised, self._seconds_watched / HOUR, self._seen_events, note)


def _expected_no_more(percept: Percept, category: str) -> bool:
    answer = percept.answer
    if answer is None or not answer.compared:
        return False
    return bool(answer.p_value[percept.context.place[category]] > EXPECTED_NO_MORE)


def _unlike(drift: Drift | None, calibration: TrackCalibration | None) -> str | None:
    """Say that a camera is not like its calibration."""
    if drift is None or not drift.noticed:
        return None
    if calibration is None:
        return "objects look odder here than where the calibration was made: calibrate this camera"
    return "this camera is no longer like its calibration: calibrate it again"
