"""`contextual-anomaly experiment-published`: experiment 1 as the original does it."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import FiguresTable, Resamples, SameAsCsv, TrainScenes, ValScenes

logger = logging.getLogger(__name__)


def experiment_published(
    model: Annotated[Path, typer.Option(help="The model (.safetensors); all variants of a sweep are tried.")],
    scenes: ValScenes,
    train_scenes: TrainScenes,
    draws_table: Annotated[Path, typer.Option(help="One draw a row (Parquet).")],
    summary: FiguresTable,
    csv: SameAsCsv,
    n_draws: Annotated[int, typer.Option(min=1, help="Random draws of classes.")] = 20,
    n_resamples: Resamples = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of draws and bootstrap.")] = 0,
) -> None:
    """Add classes to scenes, remove classes from scenes, and count how often the model finds them.

    This is the protocol of the original code with its quirks, so that its published figures can be compared; it has no
    term for false alarms, see experiment-corrected. Four parts: inject (position 0 to 18 of the class list, called the 20 least
    common by its authors, and position 0 to 76), inject-most, remove, remove-most. Two more show what
    the quirks do: inject the 20 classes that are truly the rarest, and remove from all images, whichever the model
    reconstructs.

    Example: `contextual-anomaly experiment-published --model published.safetensors --scenes val.parquet
    --train-scenes train.parquet --draws-table draws.parquet --summary summary.parquet --csv summary.csv`
    """
    from contextual_anomaly.experiments import published
    from contextual_anomaly.experiments.summary import write_summary
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.tables import DRAWS, write_frame

    context_model, val, train = load_model(model), read_scenes(scenes), read_scenes(train_scenes)
    require_same_classes(context_model, val.classes, str(scenes))
    require_same_classes(context_model, train.classes, str(train_scenes))
    logger.info(f"{model.stem}: {len(context_model.variants)} variants, {n_draws} draws, {len(val.image_ids):,} scenes")
    results = published.run(context_model, val.presence, train.frequency, n_draws, n_resamples, seed)
    write_frame(results.draws, DRAWS, draws_table)
    write_summary(results.summary, summary, csv)
