"""The same in plain NumPy: `python numpy_predict.py PRESENCE.npy TRIALS BOTTLENECK…`; prints seconds of all."""

import sys
import time

import numpy as np

BATCH = 8192


def changed_scenes(path, trials):
    """[trials, C] scenes in each of which one class is flipped."""
    presence = np.load(path)
    scenes = presence[np.arange(trials) % len(presence)]
    changed = np.arange(trials), np.random.default_rng(0).integers(0, presence.shape[1], trials)
    scenes[changed] = 1 - scenes[changed]
    return scenes


def main():
    """Predict all trials with each network."""
    trials, *bottlenecks = map(int, sys.argv[2:])
    scenes = changed_scenes(sys.argv[1], trials)
    rng = np.random.default_rng(0)
    classes, seconds = scenes.shape[1], 0.0
    for units in bottlenecks:
        inner, outer = (rng.normal(0, 0.1, shape).astype(np.float32) for shape in ((classes, units), (units, classes)))
        start = time.perf_counter()
        for first in range(0, trials, BATCH):
            logits = np.maximum(scenes[first : first + BATCH] @ inner, 0) @ outer
            1 / (1 + np.exp(-logits))
        seconds += time.perf_counter() - start
    print(f"numpy {seconds}")


if __name__ == "__main__":
    main()
