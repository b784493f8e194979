"""`contextual-anomaly compare-models`: is one model better than another, on the same trials?"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import BootstrapSeed, Resamples

logger = logging.getLogger(__name__)


def compare_models(
    trials: Annotated[list[Path], typer.Option(help="A model's trials of experiment 1, corrected (Parquet); repeat.")],
    name: Annotated[list[str], typer.Option(help="The models' names, in the same order; repeat.")],
    reference: Annotated[str, typer.Option(help="The model that the others are compared with.")],
    output: Annotated[Path, typer.Option(help="The differences, as CSV.")],
    n_resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
) -> None:
    """Compare models on the same changed scenes, with paired 95 % intervals over images.

    An interval without 0 tells two models apart, even where their own intervals overlap.

    Example: `contextual-anomaly compare-models --trials ensemble.parquet --name ensemble --trials published.parquet
    --name published --reference ensemble --output differences.csv`
    """
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.experiments import differences
    from contextual_anomaly.experiments.schemas import TRIALS
    from contextual_anomaly.runtime.atomic import write_csv
    from contextual_anomaly.tables import read_table

    if len(name) != len(trials):
        raise UserError(f"--name: {len(trials)} names were expected, one for each --trials; found {', '.join(name)}.")
    tables = {model: read_table(path, TRIALS).to_pandas() for model, path in zip(name, trials, strict=True)}
    compared = differences.compare_models(tables, reference, n_resamples, seed)
    logger.info(f"{len(tables) - 1} models compared with {reference}")
    write_csv(compared, output)
