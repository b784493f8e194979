"""`contextual-anomaly experiment-corrected`: experiment 1 with false alarms, ranks and intervals."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import (
    CalibrationTable,
    FiguresTable,
    Geometry,
    GeometryCategories,
    ObjectImages,
    Objects,
    Resamples,
    SameAsCsv,
    TrainScenes,
    ValScenes,
)

logger = logging.getLogger(__name__)


def experiment_corrected(
    model: Annotated[Path, typer.Option(help="The model (.safetensors); all variants of a sweep are tried.")],
    calibration: CalibrationTable,
    scenes: ValScenes,
    train_scenes: TrainScenes,
    trials_table: Annotated[Path, typer.Option(help="One trial a row, of the chosen variant (Parquet).")],
    curve: Annotated[Path, typer.Option(help="The calibration curve of the chosen variant, as CSV.")],
    summary: FiguresTable,
    csv: SameAsCsv,
    timing: Annotated[
        Path | None, typer.Option(help="How long the model takes, as JSON; never the same twice.")
    ] = None,
    object_geometry: Geometry = None,
    categories: GeometryCategories = None,
    objects: Objects = None,
    images: ObjectImages = None,
    bottleneck: Annotated[
        int, typer.Option(min=1, help="Of a sweep, the variants that are ranked over all trials.")
    ] = 10,
    n_draws: Annotated[int, typer.Option(min=1, help="Injections for each scene and kind.")] = 3,
    n_resamples: Resamples = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of injections and bootstrap.")] = 0,
) -> None:
    """Add a class to each scene, remove each class, and measure whether the model tells it from the genuine ones.

    Injected are one of the 20 rarest classes, any absent class, or an absent class as often as it occurs ("matched").
    Measured are recall@1/@5, mean reciprocal rank, AUROC, average precision, false positive rate at 95 % true positive rate,
    the false alarms beside each detection rate; and on unchanged scenes whether the answers are probabilities:
    pseudo-likelihood, calibration, realised rates of the conformal p-values.

    Example: `contextual-anomaly experiment-corrected --model mixture.safetensors
    --calibration mixture.calibration.parquet --scenes val.parquet --train-scenes train.parquet
    --trials-table trials.parquet --curve curve.csv --summary summary.parquet --csv summary.csv`
    """
    from contextual_anomaly.experiments import corrected
    from contextual_anomaly.experiments.schemas import TRIALS
    from contextual_anomaly.experiments.summary import write_summary
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_csv, write_json
    from contextual_anomaly.scene_objects import read_geometry
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.tables import write_frame

    context_model, val, train = load_model(model), read_scenes(scenes), read_scenes(train_scenes)
    require_same_classes(context_model, val.classes, str(scenes))
    require_same_classes(context_model, train.classes, str(train_scenes))
    geometry = read_geometry(val.image_ids, object_geometry, categories, objects, images)
    results = corrected.run(
        context_model, val, train.frequency, read_calibration(calibration, context_model), geometry,
        bottleneck, n_draws, n_resamples, seed,
    )  # fmt: skip
    logger.info(f"{model.stem}: {len(results.trials):,} trials, {results.timing['milliseconds_per_scene']} ms a scene")
    write_frame(results.trials, TRIALS, trials_table)
    write_csv(results.calibration_curve, curve)
    write_summary(results.summary, summary, csv)
    if timing:
        write_json(results.timing, timing)
