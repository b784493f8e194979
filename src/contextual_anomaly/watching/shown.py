"""The scene of the moment, of what is seen and what is open."""

from contextual_anomaly.watching.events import EventKind
from contextual_anomaly.watching.messages import Messages
from contextual_anomaly.watching.perception import Percept
from contextual_anomaly.watching.scene import Promise, Scene, SceneAbsence, SceneObject
from contextual_anomaly.watching.unexpected import Visit

SHOWN = 5
"""Absent classes that a scene names."""


def scene_of(percept: Percept, visits: dict[str, Visit], messages: Messages, settled: bool, promise: Promise) -> Scene:
    """Return the scene of the moment.

    Args:
        percept: what is seen.
        visits: by class.
        messages: what is open.
        settled: whether the classes have not changed for some time.
        promise: promised and seen false alarms.
    """
    answer, place = percept.answer, percept.context.place
    objects = []
    for track in percept.on:
        visit = visits.get(track.category)
        column = place.get(track.category)
        event = messages.open.get(visit.event or "") if visit else None
        objects.append(
            SceneObject(
                track.number,
                track.category,
                track.box,
                track.presence,
                answer.probability[column] if answer and answer.compared and column is not None else None,
                visit.p_value if visit else None,
                event is not None,
                event.attributions if event else (),
            )
        )
    frame = percept.frame
    absent = _absent(percept, messages)
    return Scene(
        frame.number, frame.seconds, percept.blind, settled and not percept.bad, tuple(objects), absent, promise
    )


def _absent(percept: Percept, messages: Messages) -> tuple[SceneAbsence, ...]:
    """Return the most probable absent classes, those first that are flagged."""
    answer = percept.answer
    if answer is None or not answer.compared:
        return ()
    flagged = {one.category: one for one in messages.open.values() if one.kind == EventKind.MISSING}
    found = []
    for column in answer.expected[: SHOWN + len(flagged)]:
        name, p_value = percept.context.checker.model.classes[column], float(answer.p_value[column])
        event = flagged.get(name)
        known = None if p_value != p_value else p_value  # NaN is not itself
        reasons = event.attributions if event else ()
        found.append(SceneAbsence(name, answer.probability[column], known, event is not None, reasons))
    found.sort(key=lambda one: not one.flagged)
    return tuple(found[:SHOWN])
