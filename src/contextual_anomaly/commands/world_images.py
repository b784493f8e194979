"""`world-images`: pictures of the synthetic world."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def world_images(
    annotations: Annotated[Path, typer.Option(help="The synthetic world's annotation file of one split.")],
    output: Annotated[Path, typer.Option(help="The folder to write the JPEG images into; replaced as a whole.")],
    count: Annotated[int, typer.Option(min=1, help="How many images, those of the lowest ids.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of grounds, lights and grain; the scenes do not change.")] = 0,
) -> None:
    """Draw scenes of the synthetic world as JPEG images.

    Every class has one card, scaled into the boxes of its objects. The symbol tells the supercategory, colours and
    pattern tell the class: small objects are hard to tell from others of their kind, as in photographs. Images
    without any object are left out.

    Example: contextual-anomaly world-images --annotations results/world/annotations/instances_val2017.json
    --output results/world/val2017
    """
    from contextual_anomaly.world.images import write_images
    from contextual_anomaly.world.mixture import load_world

    drawn = write_images(load_world(), annotations, count, seed, output)
    if drawn < count:
        logger.info(f"{annotations} has only {drawn} annotated images, {count} were asked for: all of them are drawn")
