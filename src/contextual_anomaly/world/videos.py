"""Scenes of the synthetic world over time: a camera at one place, with anomalies at known times.

At every moment the objects in view are distributed as those of a single scene of the camera's scene type, so that the
exact answers of `models.synthetic.scene_oracle` hold for every frame. Classes come and go as two-state processes whose share of time is
P(class present | scene type), with new objects each time. The coordinates of a box move along smooth Gaussian processes
whose distribution at any moment is that of the class at the place. Anomalies are put on top: an object that the place
hardly ever shows comes, or all objects of a class that the others let expect leave. Beside them stand genuine rarities:
objects that are as improbable, but come by the place's own distribution.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.models.synthetic.boxes import to_box
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.world.scene_types import World

STAY = (20.0, 240.0)  # seconds that the objects of a class stay on average: from the shortest to the longest class
PERIOD = (30.0, 400.0)  # seconds in which an object goes through its places once: the quick and the slow
ANOMALY = (10.0, 40.0)  # seconds that an anomaly lasts
UNLIKELY, LIKELY = 0.002, 0.5
"""P(present | scene type) below which a class is out of place, and above which it is expected."""
SHAKE = 1.5  # pixels by which the camera sways, standard deviation

UNEXPECTED, MISSING, RARE = "unexpected", "missing", "rare"
"""Kinds of events: an object out of place came, an expected one left, or one came that is rare there but belongs."""


@dataclass(frozen=True)
class Video:
    """The objects of one camera over time.

    Attributes:
        scene_type: Of the camera.
        seconds: Length.
        tracks: One object a row, by falling time of arrival: column (class), start and stop (seconds), planted (whether it
            is an anomaly).
        events: One event a row, by time: start, stop (seconds), kind, column (class). Those of kind "rare" are no anomalies.
        motion: [tracks, 3, 4] of each object's coordinates: amplitudes of cosine and sine, angular speeds (radians a second).
    """

    scene_type: int
    seconds: float
    tracks: pd.DataFrame
    events: pd.DataFrame
    motion: np.ndarray


def sample_video(
    world: World,
    seconds: float,
    anomalies_per_hour: float,
    rng: np.random.Generator,
    place: str | None = None,
    scene_type: int | None = None,
) -> Video:
    """Sample what a camera sees.

    Args:
        world: Classes, scene types and boxes.
        seconds: Length of the video.
        anomalies_per_hour: Mean number of anomalies an hour; they do not overlap.
        rng: Source of all random numbers.
        place: Of the camera; None leaves it to chance.
        scene_type: Of the camera; None draws one of the place's.
    """
    if scene_type is None:
        weight = world.weight if place is None else world.weight * (world.place == world.places.index(place))
        scene_type = int(rng.choice(len(weight), p=weight / weight.sum()))
    share = world.probability[scene_type]
    rows = [row for column in range(len(share)) for row in _visits(world, column, share[column], seconds, rng)]
    tracks = _table(rows, ["column", "start", "stop"]).assign(planted=False)
    events = _events(world, share, tracks, seconds, anomalies_per_hour, rng)
    for event in events[events["kind"] == MISSING].itertuples():
        tracks = _without(tracks, event)
    rare = tracks.loc[share[tracks["column"]] < UNLIKELY, ["start", "stop", "column"]].drop_duplicates()
    came = events.loc[events["kind"] == UNEXPECTED, ["column", "start", "stop"]].assign(planted=True)
    events = pd.concat([events, rare.assign(kind=RARE)], ignore_index=True)
    events = events.sort_values(["start", "column"], kind="stable", ignore_index=True)
    tracks = pd.concat([tracks, came], ignore_index=True).sort_values(
        ["start", "column"], kind="stable", ignore_index=True
    )
    amplitudes = rng.standard_normal((len(tracks), 2, 4))
    speeds = 2 * np.pi / _log_uniform(PERIOD, (len(tracks), 1, 4), rng)
    return Video(scene_type, seconds, tracks, events, np.concatenate([amplitudes, speeds], 1))


def _visits(world: World, column: int, share: float, seconds: float, rng: np.random.Generator) -> list[tuple]:
    """Sample when objects of a class are there: column, start, stop; several together have the same times."""
    stay = float(_log_uniform(STAY, (), rng))
    away = stay * (1 - share) / share
    visits, time = [], 0.0
    present = rng.random() < share  # the process is in its stationary state from the first moment on
    while time < seconds:
        end = time + rng.exponential(stay if present else away)
        if present:
            count = rng.geometric(1 / world.mean_instances[column])
            visits += [(column, time, min(end, seconds))] * count
        time, present = end, not present
    return visits


def _events(
    world: World, share: np.ndarray, tracks: pd.DataFrame, seconds: float, per_hour: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Sample anomalies that do not overlap: half of them come, half of them leave."""
    rows: list[tuple] = []
    strange, usual = np.flatnonzero(share < UNLIKELY), np.flatnonzero(share > LIKELY)
    time = rng.exponential(3600 / per_hour) if per_hour else np.inf
    while time < seconds:
        stop = min(time + rng.uniform(*ANOMALY), seconds)
        kind = MISSING if rng.random() < 0.5 else UNEXPECTED
        there = tracks.loc[(tracks["start"] < time) & (tracks["stop"] > stop), "column"].unique()
        leaves = np.intersect1d(usual, there)
        if kind == MISSING and len(leaves):
            rows.append((time, stop, kind, int(rng.choice(leaves))))
        elif len(strange):
            rows.append((time, stop, UNEXPECTED, int(rng.choice(strange))))
        time = stop + rng.exponential(3600 / per_hour)
    return _table(rows, ["start", "stop", "kind", "column"])


def _table(rows: list[tuple], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table whose columns have their types even where there is no row."""
    return pd.DataFrame(rows, columns=columns).astype({"column": int, "start": float, "stop": float})


def _without(tracks: pd.DataFrame, event) -> pd.DataFrame:
    """Take the objects of a class away for the time of an event."""
    hit = (tracks["column"] == event.column) & (tracks["start"] < event.stop) & (tracks["stop"] > event.start)
    before = tracks[hit].assign(stop=event.start)
    after = tracks[hit].assign(start=event.stop)
    pieces = pd.concat([tracks[~hit], before, after], ignore_index=True)
    return pieces[pieces["stop"] > pieces["start"]].reset_index(drop=True)


def objects_at(world: World, video: Video, times: np.ndarray) -> pd.DataFrame:
    """Return the objects in view at each of ``times`` (seconds, ascending).

    Returns:
        One object a row, sorted by frame: frame (row of ``times``), track, column, x, y, width, height (pixels), planted.
    """
    tracks = video.tracks
    first = np.searchsorted(times, tracks["start"].to_numpy())
    count = np.maximum(np.searchsorted(times, tracks["stop"].to_numpy()) - first, 0)
    track = np.repeat(np.arange(len(tracks)), count)
    frame = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(first, count)
    order = np.argsort(frame, kind="stable")
    track, frame = track[order], frame[order]
    cosine, sine, speed = video.motion[track].transpose(1, 0, 2)
    angle = speed * times[frame][:, None]
    noise = cosine * np.cos(angle) + sine * np.sin(angle)  # standard normal at every moment
    column = tracks["column"].to_numpy()[track]
    where = world.place[video.scene_type], column
    coordinates = world.box_mean[where] + np.einsum("mij,mj->mi", world.box_root[where], noise)
    box = to_box(coordinates, world.span[where])
    table = pd.DataFrame({"frame": frame, "track": track, "column": column})
    table[BOX] = box
    return table.assign(planted=tracks["planted"].to_numpy()[track])


def _log_uniform(limits: tuple[float, float], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Sample numbers whose logarithm is uniform between those of the limits."""
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, shape))
