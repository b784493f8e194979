"""`contextual-anomaly experiment-corrected`: experiment 1 with false alarms, ranks and intervals."""

from pathlib import Path
from typing import Annotated

import typer


def experiment_corrected(
    model: Annotated[Path, typer.Option(help="The model (.safetensors); every member of a sweep is tried.")],
    scenes: Annotated[Path, typer.Option(help="Scenes of the validation split (Parquet).")],
    train_scenes: Annotated[Path, typer.Option(help="Scenes of the training split, to know what is rare (Parquet).")],
    trials_table: Annotated[Path, typer.Option(help="One trial a row, of the chosen bottleneck (Parquet).")],
    summary: Annotated[Path, typer.Option(help="One figure a row (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    bottleneck: Annotated[int, typer.Option(min=1, help="The member whose trials are written.")] = 10,
    draws: Annotated[int, typer.Option(min=1, help="Injections for each scene and kind.")] = 3,
    bootstrap: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of draws and bootstrap.")] = 0,
) -> None:
    """Add a class to each scene, take each class out, and see whether the model tells it from the genuine ones.

    Injected are one of the 20 rarest classes, any absent class, or an absent class as often as it occurs ("matched").
    Measured: hit@1/@5, mean reciprocal rank, AUROC, average precision, false positive rate at 95 % true positive rate,
    and the false alarms beside each detection rate.

    Example: `contextual-anomaly experiment-corrected --model default.safetensors --scenes val.parquet --train-scenes
    train.parquet --bottleneck 64 --trials-table trials.parquet --summary summary.parquet --csv summary.csv`
    """
    import numpy as np
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from contextual_anomaly.experiments import corrected
    from contextual_anomaly.experiments.bootstrap import Bootstrap
    from contextual_anomaly.experiments.metrics import rank
    from contextual_anomaly.experiments.tables import TRIALS, member_columns, write_summary
    from contextual_anomaly.models.base import member_index, require_same_classes
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.progress import say
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.tables import write_table

    judge, examples = load_model(model), read_scenes(scenes)
    require_same_classes(judge, examples.classes, str(scenes))
    train_frequency = read_scenes(train_scenes).presence.sum(0, dtype=np.float64)
    resamples = Bootstrap(len(examples.image_ids), bootstrap, seed)
    chosen = member_index(judge, bottleneck)
    rows, written = [], []
    for trials in corrected.make_trials(examples.presence, train_frequency, draws, seed):
        say(f"{judge.name}: {trials.experiment}, {len(trials.scene):,} trials × {len(judge.members)} members")
        # BLAS rounds differently on several cores, and is slower there for products as small as these.
        with threadpool_limits(1):
            figures = list(corrected.measure(judge, trials, resamples))
            expected = judge.expected(trials.evidence)[chosen]
        for figure in figures:
            rows.append(
                {
                    "protocol": "corrected",
                    "experiment": figure.experiment,
                    "model": judge.name,
                    **member_columns(judge.members[figure.member]),
                    "metric": figure.metric,
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "trials": figure.trials,
                    "images": figure.images,
                }
            )
        injection = trials.experiment != "remove"
        candidate = trials.evidence > 0 if injection else trials.evidence == 0
        place = rank(-expected if injection else expected, candidate, trials.changed)
        columns = [
            [trials.experiment] * len(place),
            examples.image_ids[trials.scene],
            np.asarray(examples.category_ids, np.int32)[trials.changed],
            np.take_along_axis(expected, trials.changed[:, None], axis=1)[:, 0],
            place.astype(np.int32),
            place == 1,
        ]
        written.append(pa.table(columns, schema=TRIALS))
    write_table(pa.concat_tables(written), TRIALS, trials_table)
    write_summary(rows, summary, csv)
