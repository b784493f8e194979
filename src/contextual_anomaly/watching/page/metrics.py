"""What has been counted, in the text format of Prometheus."""

from collections.abc import Iterable, Mapping

from contextual_anomaly.watching.frames import SourceState
from contextual_anomaly.watching.state import LiveState

PREFIX = "contextual_anomaly_watch"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = Iterable[tuple[Mapping[str, str], float]]


def metrics(live: LiveState, about: Mapping[str, object], viewers: Mapping[str, int], dropped: int) -> str:
    """Return all metrics of a watch.

    Args:
        live: the watch.
        about: the watch in words.
        viewers: how many look on, by how they do.
        dropped: clients that were dropped because they took nothing.
    """
    moment = live.moment
    counters, scene, status = moment.counters, moment.scene, moment.status
    names = {name: str(about[name] or "") for name in ("source", "model", "detector", "version")}
    lines = [
        _metric("info", "What is watched, and by what.", "gauge", [(names, 1)]),
        _metric("frames_total", "Frames that were watched.", "counter", _one(counters.frames)),
        _metric("frames_passed_over_total", "Frames of a live source that were not.", "counter", _one(counters.passed_over)),
        _metric("frames_per_second", "Watched in the last seconds.", "gauge", _one(counters.frames_per_second)),
        _metric("connections_total", "How often the source was opened.", "counter", _one(counters.connections)),
        _metric("bad_lines_total", "Lines of a stream that could not be read.", "counter", _one(counters.bad_lines)),
        _metric("event_messages_total", "Messages of events.", "counter", _one(counters.events)),
        _metric("undelivered", "Messages that wait for a receiver.", "gauge",
                [({"receiver": name}, count) for name, count in sorted(counters.undelivered.items())]),
        _metric("source_state", "1 for the state that the source is in.", "gauge",
                [({"state": str(state)}, state == status.state) for state in SourceState]),
        _metric("viewers", "Who looks on at the page or its stream.", "gauge",
                [({"of": name}, count) for name, count in viewers.items()]),
        _metric("dropped_viewers_total", "Clients that took nothing for too long.", "counter", _one(dropped)),
    ]  # fmt: skip
    if moment.frame is not None:
        lines.append(_metric("last_frame_timestamp_seconds", "When the newest frame was taken.", "gauge",
                             _one(moment.frame.timestamp)))  # fmt: skip
    if scene is not None:
        flagged = {"unexpected": sum(found.flagged for found in scene.objects),
                   "missing": sum(found.flagged for found in scene.absent)}  # fmt: skip
        promise = scene.promise
        lines += [
            _metric("objects", "Objects that are there.", "gauge", _one(len(scene.objects))),
            _metric("flagged", "Open events by kind.", "gauge", [({"kind": k}, n) for k, n in flagged.items()]),
            _metric("blind", "1 if nothing can be seen.", "gauge", _one(scene.blind is not None)),
            _metric("seconds_total", "Watched, without the time in which nothing could be seen.", "counter",
                    _one(promise.hours * 3600)),
            _metric("events_total", "Events that began.", "counter", _one(promise.seen)),
            _metric("events_per_hour_upper", "Upper end of the 95 % interval of events an hour.", "gauge",
                    _one(promise.upper)),
        ]  # fmt: skip
        if promise.per_hour is not None:
            lines.append(_metric("promised_false_alarms_per_hour", "At most so many, on average.", "gauge",
                                 _one(promise.per_hour)))  # fmt: skip
    return "".join(lines)


def _one(value: float) -> Samples:
    return [({}, value)]


def _metric(name: str, what: str, kind: str, samples: Samples) -> str:
    lines = [f"# HELP {PREFIX}_{name} {what}\n# TYPE {PREFIX}_{name} {kind}\n"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{PREFIX}_{name}{f'{{{inside}}}' if inside else ''} {float(value):.16g}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    safe = text.encode(errors="replace").decode()
    return safe.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
