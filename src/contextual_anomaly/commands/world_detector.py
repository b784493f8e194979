"""`world-detector`: the synthetic world's object detector."""

from pathlib import Path
from typing import Annotated

import typer


def world_detector(
    output: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    steps: Annotated[
        int, typer.Option(min=0, help="Training steps; 0 for the trained weights that come with the package.")
    ] = 0,
    train_images: Annotated[int, typer.Option(min=40, help="Number of rendered training images.")] = 14_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the training images and of the training.")] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="Where to write trained weights for the package (safetensors).")
    ] = None,
) -> None:
    """Write the synthetic world's detector as ONNX, with the weights of the package or trained anew.

    It is a small convolutional network in Flax, trained on rendered images. 9,000 steps take some twelve minutes of one
    core; the weights of the package are of these.

    The file is of the YOLOv8 family: input [1, 3, 256, 320], red, green, blue in 0 to 1, letterboxed with grey 114;
    output [1, 84, 1700], box centre, width and height in pixels of the input, then the confidence in each of 80
    classes; the metadata's `names` lists them. It is meant to be imperfect: it misses small and hidden objects and
    doubts between classes that look alike, and its confidences say how often it is right.

    Example: contextual-anomaly world-detector --output results/world/detector.onnx
    """
    from contextual_anomaly.world.detector.build import build_detector, train_detector
    from contextual_anomaly.world.scene_types import load_world

    if not steps:
        build_detector(load_world(), output)
        return
    import os

    # XLA splits the sums of a matrix product over its threads, which changes the rounding. With one thread the bytes do
    # not depend on the number of cores, and the products are too small to gain from more.
    os.environ["PJRT_NPROC"] = "1"
    import jax

    # A GPU would take longer to start than this takes to train, and would round differently.
    jax.config.update("jax_platforms", "cpu")
    train_detector(load_world(), train_images, steps, seed, output, weights)
