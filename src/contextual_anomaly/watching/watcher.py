"""Watch one source: frame after frame in, events and the scene of the moment out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.models.score_curve import AS_IT_IS
from contextual_anomaly.stats.log_odds import expit
from contextual_anomaly.watching.budget import HOUR, Budget, promise
from contextual_anomaly.watching.context import Answer, Context
from contextual_anomaly.watching.drift import Drift
from contextual_anomaly.watching.events import Event, EventKind
from contextual_anomaly.watching.following import Followed
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.messages import Messages
from contextual_anomaly.watching.missing import SettledScenes
from contextual_anomaly.watching.scene import Promise, Scene, SceneAbsence, SceneObject
from contextual_anomaly.watching.settings import WatchSettings
from contextual_anomaly.watching.track_calibration import MISSING, UNEXPECTED, OrdinaryScores, TrackCalibration
from contextual_anomaly.watching.unexpected import Visit, Visits, look
from contextual_anomaly.watching.visibility import Visibility

__all__ = ["Step", "WatchSettings", "Watcher"]

ASK_AT_MOST = 0.5
"""Seconds between two questions to the model."""
ASK_AT_LEAST = 2.0
"""Seconds after which it is asked again though the classes are the same: objects move, and are surer by then."""
UNDETECTED = "undetected"
"""Why nothing is seen where a frame could not be decoded, or no detector answered."""
EXPECTED_NO_MORE = 0.05
"""P-value above which a class that was flagged as missing is not expected any more."""
SHOWN = 5
"""Absent classes that a scene names."""
SHARE_OF_UNEXPECTED = 0.5
"""Of the promised false alarms, those that may be unexpected objects; the others may be missing classes."""


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
    """Watches one source. It is for one thread at a time."""

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
        self._messages = Messages(source, checker.model.name)
        self._visibility = Visibility()
        self._visits = Visits(settings)
        per_hour = settings.false_alarms_per_hour
        self._budgets = Budget(per_hour * SHARE_OF_UNEXPECTED), Budget(per_hour * (1 - SHARE_OF_UNEXPECTED))
        self._context: Context | None = None
        self._detected = self._own = False
        self._followed: Followed
        self._scenes: SettledScenes
        self._drift: Drift | None = None
        self._answer: Answer | None = None
        self._asked: tuple[float, frozenset[str]] = -np.inf, frozenset()
        self._last: Frame | None = None
        self._looked: float | None = None
        self._blind_since: float | None = None
        self._size: tuple[int, int] | None = None
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
        self._last = frame
        why = UNDETECTED if objects is None else self._visibility.why_not(frame)
        if self._context is None or (objects is not None and objects.detected and not self._detected):
            self._begin(frame, objects)
        if why is not None:
            return Step((), self._scene(frame, self._blind(frame, why)))
        assert objects is not None
        was_blind = self._blind(frame, None) is not None
        passed = 0.0 if self._looked is None else max(0.0, frame.seconds - self._looked)
        if was_blind:
            passed = 0.0
            self._scenes.unsettle(frame.seconds)
        self._looked = frame.seconds
        self._seconds_watched += passed
        self._size = objects.size or frame.size or self._size
        names, _ = self.checker.known_names(objects.names)
        self._followed.look(names, objects.scores, objects.boxes, frame.seconds)
        events = self._follow(frame, passed)
        return Step(tuple(events), self._scene(frame, None))

    def close(self) -> tuple[Event, ...]:
        """Return the ends of the open events."""
        if self._last is None:
            return ()
        for visit in self._visits.current.values():
            self._remember(UNEXPECTED, visit.worst.value)
        last = self._last
        return tuple(self._messages.end(last, each, last.seconds) for each in list(self._messages.open))

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
        visit = self._visits.current.get(event.category)
        if self.calibration is not None and event.kind == EventKind.UNEXPECTED and visit and visit.worst.value:
            self.calibration = self.calibration.with_score(UNEXPECTED, visit.worst.value)
        return True

    def what_if(self, without: Sequence[int] = (), added: Sequence[str] = ()) -> CheckResult:
        """Return what a check of the scene of the moment would say if some objects left and others came.

        Args:
            without: numbers of followed objects that leave.
            added: classes of which an object comes.
        """
        kept = [] if self._context is None else [t for t in self._followed.on if t.number not in set(without)]
        presence = expit(np.array([track.log_odds for track in kept])).tolist()
        objects = ImageObjects.of(
            [*(track.category for track in kept), *added],
            [*presence, *(1.0 for _ in added)] if self._detected else None,
            [*(track.box for track in kept), *(None for _ in added)],
            size=self._size,
        )
        behind = self.checker.behind_detector
        asked = replace(self.checker, behind_detector=behind and replace(behind, score_curve=AS_IT_IS))
        return asked.judge(objects, "what if", own=self._own)

    def own_calibration(self) -> TrackCalibration:
        """Return what was watched so far as the calibration of this camera."""
        detector = (self._context and self._context.detector) or ""
        return TrackCalibration.of(
            self._ordinary[UNEXPECTED],
            self._ordinary[MISSING],
            self._seconds_watched,
            self.checker.model,
            detector,
        )

    def _begin(self, frame: Frame, objects: ImageObjects | None) -> None:
        """Choose the calibration by what the source gives."""
        self._detected = objects is not None and objects.detected
        self._own = frame.objects is None and frame.pixels is not None
        self._context = Context(self.checker, self._detected, self._own)
        self._messages.answerer = {
            "detector": self._context.detector,
            "calibration": "camera" if self.calibration else self._context.calibration_name,
        }
        self._followed = Followed(self.checker.model.classes, self._context.curves)
        self._scenes = SettledScenes(self.settings, self._followed.recall / self._followed.recall.sum())
        ordinary = None
        if self.calibration is not None:
            ordinary = self.calibration.unexpected
        elif self._context.calibration is not None:
            ordinary = OrdinaryScores(self._context.calibration.present.astype(np.float64))
        self._drift = Drift(ordinary) if ordinary is not None else None

    def _blind(self, frame: Frame, why: str | None) -> str | None:
        """Return why nothing is seen, or was until now if ``why`` is None; None before it has lasted."""
        since = self._blind_since
        if why is None:
            self._blind_since = None
        elif since is None:
            since = self._blind_since = frame.seconds
        if since is None or frame.seconds - since < self.settings.blind_after:
            return None
        return why or UNDETECTED

    def _follow(self, frame: Frame, passed: float) -> list[Event]:
        """Return the messages about what a frame changes."""
        seconds = frame.seconds
        on = self._followed.on
        events = [self._messages.end(frame, each.id, seconds) for each in self._dismissed()]
        for visit in self._visits.update(on, seconds):
            events += self._over(frame, visit)
        classes = frozenset(track.category for track in on)
        over = self._scenes.update(classes, seconds)
        if over is not None and over.test is not None:
            self._remember(MISSING, over.worst.value)
        answer = self._ask(classes, seconds)
        if answer is not None and answer.compared:
            events += self._unexpected(frame, passed, answer)
            events += self._missing(frame, passed, answer)
        events += self._seen_again(frame, classes)
        return events

    def _dismissed(self) -> list[Event]:
        """Return the open events that a person said are ordinary."""
        return [one for one in self._messages.open.values() if (one.kind, one.category) in self._fixtures]

    def _ask(self, classes: frozenset[str], seconds: float) -> Answer | None:
        """Return what the model says; asked anew where classes came or left, or objects had time to move."""
        assert self._context is not None
        asked, of_classes = self._asked
        since = seconds - asked
        if since < ASK_AT_MOST or (since < ASK_AT_LEAST and of_classes == classes):
            return self._answer
        tracks = self._followed.tracks
        presence = expit(np.array([track.log_odds for track in tracks])).tolist() if self._detected else []
        names = [track.category for track in tracks]
        boxes = [track.box for track in tracks]
        if not self._detected:  # nobody said how sure anything is
            kept = [row for row, track in enumerate(tracks) if track.on]
            names, boxes, presence = [names[r] for r in kept], [boxes[r] for r in kept], [1.0] * len(kept)
        self._asked = seconds, classes
        self._answer = self._context.ask(names, presence, boxes, self._size)
        return self._answer

    def _unexpected(self, frame: Frame, passed: float, answer: Answer) -> list[Event]:
        assert self._context is not None
        events = []
        for visit in self._visits.current.values():
            column = self._context.place.get(visit.category)
            if column is None or visit.last < frame.seconds or not answer.seen[column]:
                continue
            log_odds, p_value = float(answer.log_odds[column]), float(answer.p_value[column])
            if np.isnan(p_value):
                continue
            looks = visit.test.looks if visit.test else 0
            raised, looked = look(
                visit, passed, p_value, log_odds, self._budgets[0], self._seconds_watched / HOUR, self.calibration
            )
            if self.calibration is None and looks == 0 and visit.test is not None and visit.test.looks == 1:
                self._notice(log_odds)
            if (EventKind.UNEXPECTED, visit.category) in self._fixtures:
                continue
            told: dict[str, Any] = {
                "probability": float(expit(log_odds)),
                "p_value": visit.p_value,
                "box": visit.track.box,
                "track": visit.track.number,
            }
            if raised:
                told["attributions"] = self._context.reasons(answer, visit.category)
                event = self._messages.begin(frame, EventKind.UNEXPECTED, visit.category, visit.since, **told)
                visit.event = event.id
                self._seen_events += 1
                events.append(event)
            elif looked and visit.event in self._messages.open:
                events.append(self._messages.update(frame, visit.event, **told))
        return events

    def _missing(self, frame: Frame, passed: float, answer: Answer) -> list[Event]:
        assert self._context is not None
        if not self._scenes.settled(frame.seconds) or np.isnan(answer.p_value).all():
            return []
        place = self._context.place
        candidate = answer.unseen & self._followed.absent
        for event in self._messages.open.values():
            if event.kind == EventKind.MISSING:
                candidate[place[event.category]] = False
        for kind, category in self._fixtures:
            if kind == EventKind.MISSING:
                candidate[place[category]] = False
        raised = self._scenes.look(
            passed,
            candidate,
            answer.p_value,
            answer.log_odds,
            self._budgets[1],
            self._seconds_watched / HOUR,
            self.calibration,
        )
        events = []
        for column in np.flatnonzero(raised).tolist():
            category = self.checker.model.classes[column]
            event = self._messages.begin(
                frame,
                EventKind.MISSING,
                category,
                self._scenes.current.since,
                probability=float(expit(answer.log_odds[column])),
                p_value=float(answer.p_value[column]),
                attributions=self._context.reasons(answer, category),
            )
            self._seen_events += 1
            events.append(event)
        return events

    def _over(self, frame: Frame, visit: Visit) -> list[Event]:
        """Return the messages about a visit that is over."""
        events = []
        if visit.event in self._messages.open:
            events.append(self._messages.end(frame, visit.event, visit.last))
        self._remember(UNEXPECTED, visit.worst.value)
        if self.calibration is not None and visit.worst.value is not None:
            self._notice(visit.worst.value)
        stayed = visit.last - visit.since >= self.settings.gone_after
        if stayed and (EventKind.GONE, visit.category) not in self._fixtures:
            told = {"box": visit.track.box, "track": visit.track.number}
            events.append(self._messages.begin(frame, EventKind.GONE, visit.category, visit.last, **told))
        return events

    def _seen_again(self, frame: Frame, classes: frozenset[str]) -> list[Event]:
        """Return the ends of what was missing or gone: it is there, or nothing lets expect it any more."""
        events = []
        for event in list(self._messages.open.values()):
            if event.kind == EventKind.UNEXPECTED:
                continue
            if event.category in classes or (event.kind == EventKind.MISSING and self._expected_no_more(event)):
                events.append(self._messages.end(frame, event.id, frame.seconds))
        return events

    def _expected_no_more(self, event: Event) -> bool:
        if self._answer is None or self._context is None or not self._answer.compared:
            return False
        return bool(self._answer.p_value[self._context.place[event.category]] > EXPECTED_NO_MORE)

    def _remember(self, kind: str, score: float | None) -> None:
        """Keep the score of a visit or a scene for a calibration of this camera."""
        if score is not None:
            self._ordinary[kind].append(score)

    def _notice(self, score: float) -> None:
        if self._drift is not None:
            self._drift.add(score)

    def _scene(self, frame: Frame, blind: str | None) -> Scene:
        """Return what is seen at this moment."""
        assert self._context is not None
        answer, place = self._answer, self._context.place
        compared = answer is not None and answer.compared
        objects = []
        for track in self._followed.on:
            visit = self._visits.current.get(track.category)
            column = place.get(track.category)
            judged = compared and column is not None and visit is not None
            event = self._messages.open.get(visit.event or "") if visit else None
            objects.append(
                SceneObject(
                    track.number, track.category, track.box, float(expit(track.log_odds)),
                    float(expit(answer.log_odds[column])) if judged and answer is not None else None,
                    visit.p_value if visit else None,
                    event is not None,
                    event.attributions if event else (),
                )
            )  # fmt: skip
        return Scene(
            frame.number, frame.seconds, blind, blind is None and self._scenes.settled(frame.seconds),
            tuple(objects), self._absent(), self._promise(),
        )  # fmt: skip

    def _absent(self) -> tuple[SceneAbsence, ...]:
        """Return the most probable absent classes, those first that are flagged."""
        answer = self._answer
        flagged = {one.category: one for one in self._messages.open.values() if one.kind == EventKind.MISSING}
        if answer is None or not answer.compared:
            return ()
        unseen = np.flatnonzero(answer.unseen)
        unseen = unseen[np.argsort(-answer.log_odds[unseen], kind="stable")][: SHOWN + len(flagged)]
        classes = self.checker.model.classes
        found = [
            SceneAbsence(
                classes[column], float(expit(answer.log_odds[column])),
                None if np.isnan(answer.p_value[column]) else float(answer.p_value[column]),
                classes[column] in flagged,
                flagged[classes[column]].attributions if classes[column] in flagged else (),
            )
            for column in unseen.tolist()
        ]  # fmt: skip
        found.sort(key=lambda one: not one.flagged)
        return tuple(found[:SHOWN])

    def _promise(self) -> Promise:
        """Return what was promised and what was seen."""
        assert self._context is not None
        notes = [self._context.note, _unlike(self._drift, self.calibration)]
        promised = None if self._context.calibration is None else self.settings.false_alarms_per_hour
        hours = self._seconds_watched / HOUR
        return promise(promised, hours, self._seen_events, "; ".join(filter(None, notes)) or None)


def _unlike(drift: Drift | None, calibration: TrackCalibration | None) -> str | None:
    """Say that a camera is not like its calibration."""
    if drift is None or not drift.noticed:
        return None
    if calibration is None:
        return "objects look odder here than where the calibration was made: calibrate this camera"
    return "this camera is no longer like its calibration: calibrate it again"
