"""Alarms against what is true: false alarms an hour, planted anomalies that are found, and how soon."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from contextual_anomaly.watching.budget import HOUR, rate_interval
from contextual_anomaly.watching.evaluation.footage import Footage

AFTER = 10.0
"""Seconds after the end of an anomaly in which an alarm still belongs to it."""
TOGETHER = 5.0
"""Seconds without a flag after which another flag of the same class is another alarm; shorter gaps are flicker."""


class Alarm(NamedTuple):
    """One alarm.

    Attributes:
        camera: number of the camera.
        seconds: when.
        kind: "unexpected" or "missing".
        category: the class.
    """

    camera: int
    seconds: float
    kind: str
    category: str


def alarms_of_flags(
    camera: int, times: np.ndarray, kind: str, flags: np.ndarray, classes: tuple[str, ...]
) -> list[Alarm]:
    """Return one alarm for each time that a class is flagged anew.

    Args:
        camera: number of the camera.
        times: [N] seconds of the frames.
        kind: of the flags.
        flags: [N, C] whether a class is flagged in a frame.
        classes: C names.
    """
    column, frame = np.nonzero(flags.T)
    seconds = times[frame]
    first = np.ones(len(column), bool)
    first[1:] = (column[1:] != column[:-1]) | (np.diff(seconds) > TOGETHER)
    found = zip(seconds[first].tolist(), column[first].tolist(), strict=True)
    return [Alarm(camera, time, kind, classes[number]) for time, number in found]


def score(footage: Sequence[Footage], alarms: Sequence[Alarm], kinds: Sequence[str]) -> dict[str, float]:
    """Return what the alarms of some kinds are worth.

    An alarm within the time of an anomaly is none of ordinary operation: it has found the anomaly if kind and class are
    right, and is counted beside otherwise, since what an anomaly does to the objects around it is no promise's matter.
    All other alarms are false, those of genuine rarities too.

    Args:
        footage: of the cameras, by their numbers.
        alarms: all of them.
        kinds: those that count.

    Returns:
        false_alarms, hours (of ordinary operation), false_alarms_per_hour with low and high (95 %, Poisson); planted,
        found, recall with low and high (95 %, Clopper and Pearson); delay (seconds, median of what was found) and its
        quartiles; beside.
    """
    false = beside = planted = 0
    ordinary = 0.0
    delays: list[float] = []
    for camera, film in enumerate(footage):
        events = film.planted
        own = [alarm for alarm in alarms if alarm.camera == camera and alarm.kind in kinds]
        seconds = np.array([alarm.seconds for alarm in own])
        start, stop = events["start"].to_numpy(), events["stop"].to_numpy() + AFTER
        inside = (seconds[:, None] >= start) & (seconds[:, None] <= stop)
        same = np.array([(alarm.kind, alarm.category) for alarm in own], object).reshape(-1, 2)
        right = (
            inside
            & (same[:, :1] == events["kind"].to_numpy(object))
            & (same[:, 1:] == events["category"].to_numpy(object))
        )
        false += int((~inside.any(1)).sum())
        beside += int((inside.any(1) & ~right.any(1)).sum())
        ordinary += _outside(start, stop, film.seconds)
        for number in np.flatnonzero(events["kind"].isin(kinds)):
            planted += 1
            hits = seconds[right[:, number]]
            delays += [hits.min() - start[number]] if len(hits) else []
    hours, found = ordinary / HOUR, len(delays)
    low, high = rate_interval(false, hours)
    recall = binomtest(found, planted).proportion_ci(method="exact") if planted else None
    early, middle, late = np.quantile(delays, [0.25, 0.5, 0.75]) if delays else [np.nan] * 3
    return {
        "false_alarms": false,
        "hours": hours,
        "false_alarms_per_hour": false / hours if hours else np.nan,
        "false_alarms_low": low,
        "false_alarms_high": high,
        "planted": planted,
        "found": found,
        "recall": found / planted if planted else np.nan,
        "recall_low": recall.low if recall else np.nan,
        "recall_high": recall.high if recall else np.nan,
        "delay": middle,
        "delay_low": early,
        "delay_high": late,
        "beside": beside,
    }


def _outside(start: np.ndarray, stop: np.ndarray, length: float) -> float:
    """Return the seconds outside of intervals, which are sorted by their starts."""
    covered, end = 0.0, 0.0
    for first, last in zip(start.tolist(), np.minimum(stop, length).tolist(), strict=True):
        covered += max(0.0, last - max(first, end))
        end = max(end, last)
    return length - covered
