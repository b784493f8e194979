"""Build the detector: from the weights that come with the package, or trained anew."""

from pathlib import Path

import numpy as np

from contextual_anomaly.world.detector.export import export
from contextual_anomaly.world.detector.weights import Weights, fold, load_weights, save_weights
from contextual_anomaly.world.scene_types import World
from contextual_anomaly.world.sprites import make_sprites


def build_detector(world: World, path: str | Path) -> None:
    """Write the detector with the weights that come with the package as ONNX."""
    export(load_weights(), world.classes, path)


def train_detector(
    world: World, images: int, steps: int, seed: int, path: str | Path, weights: str | Path | None = None
) -> Weights:
    """Train the detector anew and write it as ONNX.

    Args:
        world: Classes and their statistics.
        images: Number of training images.
        steps: Number of training steps.
        seed: Of the training images and of the training.
        path: The ONNX file to write.
        weights: Where to write the weights as well, as those that come with the package.

    Returns:
        The trained weights.
    """
    from contextual_anomaly.world.detector.network import Trunk
    from contextual_anomaly.world.detector.training import train
    from contextual_anomaly.world.detector.training_images import render_training_images

    # Its own random stream: none of the world's images is among the training images.
    rng = np.random.default_rng([seed, 0xDE7EC7])
    training_images = render_training_images(world, make_sprites(world), images, rng)
    trained = fold(train(Trunk(len(world.classes)), training_images, steps, seed))
    if weights:
        save_weights(trained, weights)
    export(trained, world.classes, path)
    return trained
