"""`contextual-anomaly experiment-corrected`: experiment 1 with false alarms, ranks and intervals."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def experiment_corrected(
    model: Annotated[Path, typer.Option(help="The model (.safetensors); every variant of a sweep is tried.")],
    calibration: Annotated[Path, typer.Option(help="What held-out scenes look like to the model (Parquet).")],
    scenes: Annotated[Path, typer.Option(help="Scenes of the validation split (Parquet).")],
    train_scenes: Annotated[Path, typer.Option(help="Scenes of the training split, to know what is rare (Parquet).")],
    trials_table: Annotated[Path, typer.Option(help="One trial a row, of the chosen variant (Parquet).")],
    curve: Annotated[Path, typer.Option(help="The calibration curve of the chosen variant, as CSV.")],
    summary: Annotated[Path, typer.Option(help="One figure a row (Parquet).")],
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    timing: Annotated[
        Path | None, typer.Option(help="How long the model takes, as JSON; never the same twice.")
    ] = None,
    object_geometry: Annotated[
        Path | None,
        typer.Option(help="ObjectGeometry of the validation split (Parquet), for models that look at them."),
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="The data set's classes (Parquet), with --object-geometry.")
    ] = None,
    bottleneck: Annotated[int, typer.Option(min=1, help="Of a sweep, the variants to rank over all trials.")] = 10,
    n_draws: Annotated[int, typer.Option(min=1, help="Injections for each scene and kind.")] = 3,
    n_resamples: Annotated[int, typer.Option(min=2, help="Resamples of the images for the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of n_draws and bootstrap.")] = 0,
) -> None:
    """Add a class to each scene, take each class out, and see whether the model tells it from the genuine ones.

    Injected are one of the 20 rarest classes, any absent class, or an absent class as often as it occurs ("matched").
    Measured: hit@1/@5, mean reciprocal rank, AUROC, average precision, false positive rate at 95 % true positive rate,
    the false alarms beside each detection rate; and on unchanged scenes whether expectations are probabilities:
    pseudo-likelihood, calibration, realised rates of the conformal p-values.

    Example: `contextual-anomaly experiment-corrected --model mixture.safetensors
    --calibration mixture.calibration.parquet --scenes val.parquet --train-scenes train.parquet
    --trials-table trials.parquet --curve curve.csv --summary summary.parquet --csv summary.csv`
    """
    import time

    import numpy as np
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from contextual_anomaly.experiments import corrected, probabilities
    from contextual_anomaly.experiments.schemas import TRIALS, member_columns, write_summary
    from contextual_anomaly.models.base import require_same_classes, variant_index
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.object_geometry import read_object_geometry
    from contextual_anomaly.runtime.atomic import atomic_write, write_json
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.stats.bootstrap import Bootstrap
    from contextual_anomaly.stats.log_odds import expit
    from contextual_anomaly.stats.ranking import rank
    from contextual_anomaly.tables import write_table

    judge, examples = load_model(model), read_scenes(scenes)
    require_same_classes(judge, examples.classes, str(scenes))
    train_frequency = read_scenes(train_scenes).frequency.astype(np.float64)
    geometry = (
        read_object_geometry(object_geometry, categories).of(examples.image_ids)
        if object_geometry and categories
        else None
    )
    presence = examples.presence
    resamples = Bootstrap(len(presence), n_resamples, seed)
    chosen = variant_index(judge, bottleneck)
    standing = frozenset(m for m, variant in enumerate(judge.variants) if variant.bottleneck in (bottleneck, None))
    figures, written = [], []
    # BLAS rounds differently on several cores, and is slower there for products as small as these.
    with threadpool_limits(1):
        start = time.monotonic()
        odds = judge.log_odds(presence, geometry)
        every = (time.monotonic() - start) / len(judge.variants)
        start = time.monotonic()
        for row in range(10):
            judge.log_odds(presence[row : row + 1], None if geometry is None else geometry[row : row + 1])
        one = (time.monotonic() - start) / 10
        logger.info(f"asked about {len(presence):,} scenes in {every:.3f} s, about one in {1000 * one:.2f} ms")
        if timing:
            together = 1000 * every / len(presence)
            measured = {
                "milliseconds_per_scene": round(1000 * one, 4),
                "milliseconds_per_scene_of_many": round(together, 6),
            }
            write_json(measured, timing)
        known = read_calibration(calibration)
        for m in sorted(standing):
            figures += probabilities.measure(odds[m], presence, known if m == chosen else None, m, resamples)
        for trials in corrected.make_trials(presence, train_frequency, n_draws, seed):
            logger.info(
                f"{judge.name}: {trials.experiment}, {len(trials.scene):,} trials × {len(judge.variants)} variants"
            )
            answers = judge.log_odds(trials.evidence, None if geometry is None else geometry[trials.scene])
            figures += corrected.measure(answers, trials, resamples, standing)
            if trials.experiment in corrected.HALF_CLEAN:
                continue
            answer = answers[chosen]
            place = rank(-answer if trials.injection else answer, trials.candidate, trials.changed)
            own = np.take_along_axis(answer, trials.changed[:, None], axis=1)[:, 0]
            columns = [
                [trials.experiment] * len(place),
                examples.image_ids[trials.scene],
                np.asarray(examples.category_ids, np.int32)[trials.changed],
                expit(own).astype(np.float32),
                place.astype(np.int32),
                place == 1,
            ]
            written.append(pa.table(columns, schema=TRIALS))
    rows = [
        {
            "protocol": "corrected",
            "experiment": figure.experiment,
            "model": judge.name,
            **member_columns(judge.variants[figure.variant]),
            **{name: getattr(figure, name) for name in ("metric", "value", "low", "high", "trials", "images")},
        }
        for figure in figures
    ]
    with atomic_write(curve) as temporary:
        probabilities.calibration_curve(odds[chosen], presence).to_csv(temporary, index=False, float_format="%.6g")
    write_table(pa.concat_tables(written), TRIALS, trials_table)
    write_summary(rows, summary, csv)
