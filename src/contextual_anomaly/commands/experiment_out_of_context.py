"""`contextual-anomaly experiment-out-of-context`: real images in which a class is out of context, or lacks in one."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    Geometry,
    GeometryCategories,
    ObjectImages,
    Objects,
    Resamples,
    ValScenes,
)

logger = logging.getLogger(__name__)


def experiment_out_of_context(
    model: Annotated[Path, typer.Option(help="The model (.safetensors), fitted on other images.")],
    cases: Annotated[
        Path,
        typer.Option(
            help="Table (CSV or Parquet) with the columns criterion, class, kind (hard_positive or hard_negative) and "
            "image_id, such as that of NOOCh."
        ),
    ],
    scenes: ValScenes,
    output: Annotated[Path, typer.Option(help="AUROC by criterion, question and class, with intervals (CSV).")],
    object_geometry: Geometry = None,
    categories: GeometryCategories = None,
    objects: Objects = None,
    images: ObjectImages = None,
    n_resamples: Resamples = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Ask whether a model finds images that are out of context by nature.

    In a hard positive a class is present where it would not be expected, in a hard negative absent where it would be.
    Hard positives are ranked against the other images that hold the class, hard negatives against the other images
    without it, both by the log-odds of the class given all others. 0.5 is guessing.

    Example: `contextual-anomaly experiment-out-of-context --model mixture.safetensors --cases nooch.parquet
    --scenes val_unfiltered.parquet --output out_of_context.csv`
    """
    from contextual_anomaly.experiments import out_of_context
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.scene_objects import read_geometry
    from contextual_anomaly.scenes import read_scenes

    context_model, val = load_model(model), read_scenes(scenes)
    require_same_classes(context_model, val.classes, str(scenes))
    geometry = read_geometry(val.image_ids, object_geometry, categories, objects, images)
    listed = out_of_context.read_cases(cases, val)
    results = out_of_context.run(context_model, val, geometry, listed, n_resamples, seed)
    for row in results[results["class"] == out_of_context.MEAN].itertuples():
        logger.info(
            f"{model.stem}: {row.criterion}, {row.question}: AUROC {row.value:.3f} ({row.low:.3f}–{row.high:.3f})"
        )
    write_csv(results, output)
