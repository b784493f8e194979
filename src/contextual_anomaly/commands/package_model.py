"""`contextual-anomaly package-model`: a fitted model as it is given to others, small and with a calibration."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    CalibrationClasses,
    Geometry,
    GeometryCategories,
    ModelFile,
    ObjectImages,
    Objects,
)

logger = logging.getLogger(__name__)


def package_model(
    model: ModelFile,
    name: Annotated[str, typer.Option(help="What the packaged model is called.")],
    scenes: Annotated[Path, typer.Option(help="Scenes that the model was fitted on (Parquet).")],
    output: Annotated[Path, typer.Option(help="The packaged model (.safetensors).")],
    calibration: Annotated[Path, typer.Option(help="Its calibration on held-out scenes (Parquet).")],
    object_geometry: Geometry = None,
    categories: GeometryCategories = None,
    objects: Objects = None,
    images: ObjectImages = None,
    minimum_classes: CalibrationClasses = 2,
) -> None:
    """Keep the numbers of a model in half their precision, and calibrate what results on the held-out scenes.

    Example: `contextual-anomaly package-model --model results/models/ensemble.safetensors --name mine
    --scenes results/scenes/train_unfiltered.parquet --object-geometry results/object_geometry/train.parquet
    --categories results/categories/train.parquet --output mine.safetensors
    --calibration mine.annotations.calibration.parquet`
    """
    from contextual_anomaly.models import registry
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.calibration import calibrate, write_calibration
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.models.store import in_half_precision, read_model, write_model
    from contextual_anomaly.object_geometry import read_object_geometry
    from contextual_anomaly.scene_objects import read_image_objects
    from contextual_anomaly.scenes import read_scenes

    train = read_scenes(scenes)
    require_same_classes(registry.load_model(model), train.classes, str(scenes))
    metadata, tensors = read_model(model)
    write_model(output, in_half_precision(tensors), {**metadata, "name": name})
    geometry = read_object_geometry(object_geometry, categories) if object_geometry and categories else None
    image_objects = read_image_objects(objects, images, categories) if objects and images and categories else None
    data = TrainingData(train, geometry, image_objects=image_objects)
    write_calibration(calibrate(registry.load_model(output), None, data, minimum_classes), calibration)
    logger.info(f"{name}: {output.stat().st_size / 1e6:.2f} MB, {model.stat().st_size / 1e6:.2f} MB in full precision")
