"""The whole of it: draw, learn, export."""

from pathlib import Path

import numpy as np

from contextual_anomaly.world.detector.examples import draw_examples
from contextual_anomaly.world.detector.export import export
from contextual_anomaly.world.detector.network import Head
from contextual_anomaly.world.detector.training import lessons, train
from contextual_anomaly.world.drawing import stamps
from contextual_anomaly.world.mixture import World
from contextual_anomaly.world.sprites import sprites


def build_detector(world: World, pictures: int, steps: int, seed: int, path: str | Path) -> dict:
    """Write the detector as ONNX; returns what `training.train` does."""
    # A stream of its own: no picture of the world's images is among those that are learnt from.
    rng = np.random.default_rng([seed, 0xDE7EC7])
    taught = lessons(draw_examples(world, stamps(sprites(world)), pictures, rng), rng)
    trained = train(Head(len(world.classes)), taught, steps, seed)
    export(trained, world.classes, path)
    return trained
