"""`contextual-anomaly experiment-published`: experiment 1 as the original does it."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def experiment_published(
    model: Annotated[Path, typer.Option(help="The model (.safetensors); every variant of a sweep is tried.")],
    scenes: Annotated[Path, typer.Option(help="Scenes of the validation split (Parquet).")],
    train_scenes: Annotated[Path, typer.Option(help="Scenes of the training split, which say what is rare (Parquet).")],
    draws_table: Annotated[Path, typer.Option(help="One draw a row (Parquet).")],
    summary: Annotated[Path, typer.Option(help="One figure a row (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    n_draws: Annotated[int, typer.Option(min=1, help="Random n_draws of classes.")] = 20,
    n_resamples: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of n_draws and bootstrap.")] = 0,
) -> None:
    """Add classes to scenes, and take classes out, and count how often the model sees it.

    The protocol of the original code with its quirks, so that its published figures can be compared; it has no term for
    false alarms, see experiment-corrected. Four parts: inject (position 0 to 18 of the class list, called the 20 least
    common by its authors, and position 0 to 76), inject-most, remove, remove-most. Beside them, what two of the quirks do:
    inject the 20 classes that are truly the rarest, and remove without letting each model choose its images.

    Example: `contextual-anomaly experiment-published --model published.safetensors --scenes val.parquet
    --train-scenes train.parquet --draws-table draws.parquet --summary summary.parquet --csv summary.csv`
    """
    import numpy as np
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from contextual_anomaly.experiments import published
    from contextual_anomaly.experiments.schemas import DRAWS, member_columns, share, write_summary
    from contextual_anomaly.models.base import require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.tables import write_table

    judge, examples, train = load_model(model), read_scenes(scenes), read_scenes(train_scenes)
    require_same_classes(judge, examples.classes, str(scenes))
    require_same_classes(judge, train.classes, str(train_scenes))
    logger.info(
        f"{judge.name}: {len(judge.variants)} variants × {n_draws} n_draws on {len(examples.image_ids):,} scenes"
    )
    # BLAS rounds differently on several cores, and takes five times as long for products as small as these.
    with threadpool_limits(1):
        outcomes = list(published.run(judge, examples.presence, train.frequency, n_draws, seed, n_resamples))
    each_draw, rows = [], []
    for outcome in outcomes:
        variant = member_columns(judge.variants[outcome.variant])
        found = share(outcome.found, outcome.trials)
        for draw in range(n_draws):
            value = None if np.isnan(found[draw]) else float(found[draw])
            trials = int(outcome.trials[draw])
            each_draw.append(
                {"experiment": outcome.experiment, **variant, "draw": draw, "found": value, "trials": trials}
            )
        rows.append(
            {
                "protocol": "published",
                "experiment": outcome.experiment,
                "model": judge.name,
                **variant,
                "metric": "found",
                "value": np.mean(found),
                "std": np.std(found),
                "low": outcome.low,
                "high": outcome.high,
                "trials": round(np.mean(outcome.trials)),
                "images": outcome.images,
            }
        )
    write_table(pa.Table.from_pylist(each_draw, DRAWS), DRAWS, draws_table)
    write_summary(rows, summary, csv)
