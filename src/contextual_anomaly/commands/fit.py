"""`contextual-anomaly fit`: any context model, from the training scenes."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    CalibrationClasses,
    Geometry,
    GeometryCategories,
    ObjectImages,
    Objects,
)

logger = logging.getLogger(__name__)


def fit(
    scenes: Annotated[Path, typer.Option(help="Scenes of the training split (Parquet).")],
    name: Annotated[str, typer.Option(help="The model's name in tables and report.")],
    settings: Annotated[str, typer.Option(help='Family and settings as JSON, as in config.yaml: {"family": "ease"}.')],
    output: Annotated[Path, typer.Option(help="The model (.safetensors).")],
    history: Annotated[Path, typer.Option(help="Losses of the fit, step by step (CSV); empty for closed forms.")],
    calibration: Annotated[Path, typer.Option(help="The calibration: log-odds of held-out scenes (Parquet).")],
    timing: Annotated[Path | None, typer.Option(help="How long the fit took, as JSON; never the same twice.")] = None,
    object_geometry: Geometry = None,
    categories: GeometryCategories = None,
    objects: Objects = None,
    images: ObjectImages = None,
    estimator: Annotated[list[Path] | None, typer.Option(help="A fitted model, for an ensemble; repeat.")] = None,
    minimum_classes: CalibrationClasses = 2,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use; a GPU is used where JAX sees one.")] = 1,
) -> None:
    """Fit a context model: how probable each class is, given the others.

    Every fifth image, or as `scenes --held-out-every` says, is held out, for model selection and for calibration. Families:
    frequency, naive_bayes, chow_liu, ease, pairwise, mixture, autoencoder, masked, object_transformer, ensemble; config.yaml
    lists their settings.

    Example: `contextual-anomaly fit --scenes results/scenes/train.parquet --name mixture
    --settings '{"family": "mixture", "components": [40, 64]}' --output mixture.safetensors
    --history mixture.history.csv --calibration mixture.calibration.parquet`
    """
    import json
    import time

    import numpy as np
    import pandas as pd

    from contextual_anomaly.models import registry
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.calibration import calibrate, write_calibration
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.object_geometry import read_object_geometry
    from contextual_anomaly.runtime.atomic import write_csv, write_json
    from contextual_anomaly.scene_objects import read_image_objects
    from contextual_anomaly.scenes import read_scenes

    chosen, train = registry.read_settings(settings), read_scenes(scenes)
    geometry = read_object_geometry(object_geometry, categories) if object_geometry and categories else None
    image_objects = read_image_objects(objects, images, categories) if objects and images and categories else None
    estimators = [registry.load_model(path) for path in estimator or []]
    for model in estimators:
        require_same_classes(model, train.classes, str(scenes))
    data = TrainingData(train, geometry, estimators, image_objects)
    count = f"{np.count_nonzero(~data.held_out):,} images of {train.dataset}"
    logger.info(f"fitting {name}, {registry.family_of(chosen)}, on {count}")
    start = time.monotonic()
    fitted = registry.fit(data, name, chosen, threads)
    seconds = time.monotonic() - start
    logger.info(f"fitted in {seconds:.2f} s")
    if timing:
        write_json({"fit_seconds": round(seconds, 3)}, timing)
    made_from = {"family_settings": chosen.model_dump_json(), "dataset": json.dumps(train.dataset)}
    registry.save(fitted.model, output, made_from)
    bottleneck = getattr(chosen, "chosen_bottleneck", None)
    write_calibration(calibrate(fitted.model, bottleneck, data, minimum_classes), calibration)
    write_csv(pd.DataFrame() if fitted.history is None else fitted.history, history, digits=7)
