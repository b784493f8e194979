"""`world-detector`: the synthetic world's object detector."""

from pathlib import Path
from typing import Annotated

import typer


def world_detector(
    output: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    train_images: Annotated[int, typer.Option(min=40, help="Number of rendered training images.")] = 4500,
    steps: Annotated[int, typer.Option(min=10, help="Training steps; fewer give a worse detector sooner.")] = 7000,
    seed: Annotated[int, typer.Option(min=0, help="Of the training images and of the training.")] = 0,
) -> None:
    """Build the synthetic world's detector: train a small Flax network on rendered images and write it as ONNX.

    The file is of the YOLOv8 family: input [1, 3, 256, 320], red, green, blue in 0 to 1, letterboxed with grey 114;
    output [1, 84, 1700], box centre, width and height in pixels of the input, then the confidence in each of 80
    classes; the metadata's `names` lists them. It is meant to be imperfect: it misses small and hidden objects and
    doubts between classes that look alike, and its confidences say how often it is right.

    Example: contextual-anomaly world-detector --output results/world/detector.onnx
    """
    import os

    # XLA splits the sums of a matrix product over its threads, which changes the rounding. With one thread the bytes do
    # not depend on the number of cores, and the products are too small to gain from more.
    os.environ["PJRT_NPROC"] = "1"
    import jax

    # A GPU would take longer to start than this takes to train, and would round differently.
    jax.config.update("jax_platforms", "cpu")
    from contextual_anomaly.world.detector.build import build_detector
    from contextual_anomaly.world.scene_types import load_world

    build_detector(load_world(), train_images, steps, seed, output)
