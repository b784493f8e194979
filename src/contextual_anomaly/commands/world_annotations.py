"""`world-annotations`: the synthetic world's COCO files."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def world_annotations(
    train: Annotated[Path, typer.Option(help="The training split to write (instances_train2017.json).")],
    val: Annotated[Path, typer.Option(help="The validation split to write (instances_val2017.json).")],
    train_images: Annotated[int, typer.Option(min=1, max=10_000_000, help="Images of the training split.")] = 40_000,
    val_images: Annotated[int, typer.Option(min=1, max=1_000_000, help="Images of the validation split.")] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other scenes of the same kind.")] = 0,
) -> None:
    """Sample scenes of the synthetic world and write them as official COCO annotation files.

    Every image is one of 64 scene types fitted to COCO 2017 (skiing, a kitchen, a street ...). Given the type, each of
    the 80 classes is present independently; numbers, sizes and places of the objects follow COCO's statistics of
    their class. Everything after this step reads the files as if they were COCO's own.

    Example: contextual-anomaly world-annotations --train results/world/annotations/instances_train2017.json
    --val results/world/annotations/instances_val2017.json
    """
    from contextual_anomaly.world.annotation_files import write_annotations
    from contextual_anomaly.world.scene_types import load_world

    world = load_world()
    for split, images, path in (("train", train_images, train), ("val", val_images, val)):
        objects = write_annotations(world, split, images, seed, path)
        logger.info(f"{path}: {images} images, {objects} objects")
