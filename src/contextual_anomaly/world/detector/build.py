"""Build the detector: render training images, train, export."""

from pathlib import Path

import numpy as np

from contextual_anomaly.world.detector.export import export
from contextual_anomaly.world.detector.network import Head
from contextual_anomaly.world.detector.training import cell_targets, train
from contextual_anomaly.world.detector.training_images import render_training_images
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import make_sprites


def build_detector(world: World, images: int, steps: int, seed: int, path: str | Path) -> dict:
    """Train the detector and write it as ONNX.

    Args:
        world: Classes and their statistics.
        images: Number of training images.
        steps: Number of training steps.
        seed: Of the training images and of the training.
        path: The ONNX file to write.

    Returns:
        The trained weights, as `training.train` returns them.
    """
    # Its own random stream: none of the world's images is among the training images.
    rng = np.random.default_rng([seed, 0xDE7EC7])
    training_images = render_training_images(world, make_sprites(world), images, rng)
    targets = cell_targets(training_images, rng)
    trained = train(Head(len(world.classes)), targets, steps, seed)
    export(trained, world.classes, path)
    return trained
