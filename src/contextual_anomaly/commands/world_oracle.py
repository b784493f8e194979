"""`world-oracle`: the exact answer, as a model file."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import CalibrationClasses, GeometryCategories, ObjectImages, Objects


def world_oracle(
    scenes: Annotated[
        Path, typer.Option(help="Scenes of the training split: their classes, and calibration (Parquet).")
    ],
    output: Annotated[Path, typer.Option(help="The model file to write (.safetensors).")],
    calibration: Annotated[Path, typer.Option(help="Its calibration: log-odds of held-out scenes (Parquet).")],
    minimum_classes: CalibrationClasses = 2,
    objects: Objects = None,
    images: ObjectImages = None,
    categories: GeometryCategories = None,
) -> None:
    """Write the synthetic world's exact conditional as a context model.

    The synthetic world samples every scene from 64 known scene types, so P(class present | every other class) has a
    closed form. No model that sees the classes alone can beat it on that world's data. With --objects, --images and
    --categories it is P(class present | the other objects and their boxes), and nothing at all can beat it. It answers for
    the classes that the scenes were encoded with.

    Example: contextual-anomaly world-oracle --scenes results/scenes/train.parquet
    --output results/models/oracle.safetensors --calibration results/models/oracle.calibration.parquet
    """
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.models import registry
    from contextual_anomaly.models.calibration import calibrate, write_calibration
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.models.families.oracle import Oracle
    from contextual_anomaly.models.families.oracle_with_boxes import OracleWithBoxes
    from contextual_anomaly.scene_objects import read_image_objects
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.world.scene_types import load_world

    world, training_scenes = load_world(), read_scenes(scenes)
    unknown = sorted(set(training_scenes.classes) - set(world.classes))
    if unknown:
        raise UserError(f"{scenes}: not of the synthetic world, which has no class {unknown[0]!r}.")
    image_objects = None
    if objects and images and categories:
        image_objects = read_image_objects(objects, images, categories)
        if image_objects.classes != world.classes:
            raise UserError(f"{categories}: the {len(world.classes)} classes of the synthetic world were expected.")
        oracle = OracleWithBoxes("oracle_with_boxes", training_scenes.classes, world)
    else:
        kept = [world.classes.index(name) for name in training_scenes.classes]
        # Classes are independent given the scene type: leaving a column out marginalises over it.
        oracle = Oracle("oracle", training_scenes.classes, world.weight, world.probability[:, kept])
    registry.save(oracle, output)
    data = TrainingData(training_scenes, image_objects=image_objects)
    write_calibration(calibrate(oracle, None, data, minimum_classes), calibration)
