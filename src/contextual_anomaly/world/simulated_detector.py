"""Detections of a video without pixels: what a detector would report of the objects in view, mistakes included.

Small and hidden objects are missed more often; whether a detector finds an object hangs together over time, so each track has a
difficulty of its own, which drifts. A found object is sometimes taken for another class of its supercategory. A score is
lower where the object is harder. Now and then there is a box of nothing, which stays for some frames.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.stats.boxes import BOX, shared_area
from contextual_anomaly.world.sampling import sample_boxes
from contextual_anomaly.world.scene_types import World

EASE = (4.6, 1.25)  # log-odds of being found: at the size of the image, and for each e-fold of √(area share)
DIFFICULTY = 0.8  # standard deviation of a track's difficulty in log-odds
FLICKER = 0.7  # of what changes from frame to frame
HIDDEN = 5.0  # log-odds that an object loses which is hidden altogether
CONFUSION = 0.06  # share of the tracks that are taken for another class of the supercategory
JITTER = 0.04  # standard deviation of a box's edges, as a share of its sides
FALSE_BOXES = 0.08  # boxes of nothing in view on average
FALSE_SECONDS = 2.0  # that a box of nothing stays on average


def simulate_detections(
    world: World, objects: pd.DataFrame, times: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Simulate what a detector reports of the objects of a video.

    Args:
        world: Classes and their supercategories.
        objects: From `world.videos.objects_at`.
        times: [frames] seconds of the frames.
        rng: Source of all random numbers.

    Returns:
        One box a row, sorted by frame and falling score: frame, column, score, x, y, width, height, track (-1: a box of
        nothing).
    """
    tracks = int(objects["track"].max()) + 1 if len(objects) else 0
    track, column = objects["track"].to_numpy(), objects["column"].to_numpy()
    box = objects[BOX].to_numpy()
    size = np.log(np.sqrt(box[:, 2] * box[:, 3] / (WIDTH * HEIGHT)))
    odds = EASE[0] + EASE[1] * size + DIFFICULTY * rng.standard_normal(tracks)[track]
    odds -= HIDDEN * hidden_share(objects["frame"].to_numpy(), box)
    odds += FLICKER * rng.standard_normal(len(track))
    found = odds > rng.logistic(size=tracks)[track] * 0.3
    class_of_track = np.zeros(tracks, int)
    class_of_track[track] = column
    confused = rng.random(tracks) < CONFUSION
    class_of_track[confused] = [_alike(world, c, rng) for c in class_of_track[confused]]
    noisy = box + rng.normal(0, JITTER, box.shape) * np.tile(box[:, 2:], 2)
    corner = np.clip(noisy[:, :2], 0, [WIDTH - 1, HEIGHT - 1])
    opposite = np.clip(noisy[:, :2] + noisy[:, 2:], corner + 1, [WIDTH, HEIGHT])
    table = pd.DataFrame({"frame": objects["frame"].to_numpy(), "column": class_of_track[track], "score": expit(odds)})
    table[["x", "y"]], table[["width", "height"]] = corner, opposite - corner
    table = table.assign(track=track)[found]
    both = pd.concat([table, _boxes_of_nothing(world, times, rng)], ignore_index=True)
    return both.sort_values(["frame", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def hidden_share(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return which share of each box [M] the box of another object of its frame covers; smaller ones are in front.

    Args:
        frame: [M] of each object, ascending.
        box: [M, 4] x, y, width, height.
    """
    hidden = np.zeros(len(box))
    area = box[:, 2] * box[:, 3]
    for step in range(1, len(box)):
        first = np.flatnonzero(frame[step:] == frame[:-step])
        if not len(first):
            break
        second = first + step
        behind = np.where(area[first] > area[second], first, second)
        np.maximum.at(hidden, behind, shared_area(box[first], box[second]) / area[behind])
    return hidden


def _alike(world: World, column: int, rng: np.random.Generator) -> int:
    """Draw another class of the supercategory; the class itself where there is none."""
    others = [
        c for c, above in enumerate(world.supercategories) if above == world.supercategories[column] and c != column
    ]
    return int(rng.choice(others)) if others else column


def _boxes_of_nothing(world: World, times: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Sample boxes of nothing, each of which stays for some frames at one place with a low score."""
    length = float(times[-1] - times[0]) if len(times) > 1 else 1.0
    count = rng.poisson(FALSE_BOXES * length / FALSE_SECONDS)
    start = times[0] + np.sort(rng.uniform(0, length, count))
    stop = start + rng.exponential(FALSE_SECONDS, count)
    share = world.weight @ world.probability * world.mean_instances
    column = rng.choice(len(share), count, p=share / share.sum())
    place = rng.integers(len(world.places), size=count)
    box = sample_boxes(world, place, column, rng)
    first = np.searchsorted(times, start)
    frames = np.searchsorted(times, stop) - first
    row = np.repeat(np.arange(count), frames)
    frame = np.arange(frames.sum()) - np.repeat(frames.cumsum() - frames, frames) + np.repeat(first, frames)
    table = pd.DataFrame({"frame": frame, "column": column[row], "score": rng.beta(1.2, 4, count)[row]})
    table[BOX] = box[row]
    return table.assign(track=-1)
