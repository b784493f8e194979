"""`world-images`: images of the synthetic world."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def world_images(
    annotations: Annotated[Path, typer.Option(help="The synthetic world's annotation file of one split.")],
    output: Annotated[Path, typer.Option(help="The folder to write the JPEG images into; replaced as a whole.")],
    count: Annotated[int, typer.Option(min=1, help="How many images, those of the lowest ids.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of backgrounds, lights and noise; the scenes do not change.")] = 0,
) -> None:
    """Render scenes of the synthetic world as JPEG images.

    Every object is the pictogram of its class, in one of several colours, scaled into its box; the background is that of
    the place. Images without any object are left out.

    Example: contextual-anomaly world-images --annotations results/world/annotations/instances_val2017.json
    --output results/world/val2017
    """
    from contextual_anomaly.world.image_files import write_images
    from contextual_anomaly.world.scene_types import load_world

    rendered = write_images(load_world(), annotations, count, seed, output)
    if rendered < count:
        logger.info(f"{annotations} has only {rendered} annotated images of the {count} asked for; all are rendered")
