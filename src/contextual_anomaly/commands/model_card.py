"""`contextual-anomaly model-card`: what a packaged model is, how good it is, and what its p-values promise."""

from pathlib import Path
from typing import Annotated

import typer

from contextual_anomaly.commands._options import ModelFile


def model_card(
    model: ModelFile,
    summary: Annotated[Path, typer.Option(help="Figures of the packaged model, of experiment-corrected (Parquet).")],
    full_precision_summary: Annotated[
        Path, typer.Option(help="The same of the model before it was packaged (Parquet).")
    ],
    scenes: Annotated[Path, typer.Option(help="Scenes that the model was fitted on (Parquet).")],
    settings: Annotated[str, typer.Option(help="Settings of the model and of its estimators by name, as JSON.")],
    output: Annotated[Path, typer.Option(help="The card (JSON).")],
    calibration: Annotated[
        list[Path], typer.Option(help="A calibration of the model (Parquet); repeat, that from annotations first.")
    ],
    rates: Annotated[
        list[Path] | None,
        typer.Option(help="Held-out false alarms, of calibrate-detections (CSV); one for each detector, in its order."),
    ] = None,
    data_licence: Annotated[str, typer.Option(help="Source and licence of the data.")] = "",
    evaluated_on: Annotated[str, typer.Option(help="Name of the images of the figures.")] = "validation images",
) -> None:
    """Write the model card of a packaged model.

    Example: `contextual-anomaly model-card --model mine.safetensors --summary mine.summary.parquet
    --full-precision-summary results/experiments/corrected/ensemble.summary.parquet
    --scenes results/scenes/train_unfiltered.parquet --settings '{"ensemble": {"family": "ensemble"}}'
    --calibration mine.annotations.calibration.parquet --output mine.json`
    """
    import json

    import pandas as pd

    from contextual_anomaly import tables
    from contextual_anomaly.models.calibration import read_calibration
    from contextual_anomaly.models.model_card import make_card
    from contextual_anomaly.models.registry import load_model
    from contextual_anomaly.runtime.atomic import write_json
    from contextual_anomaly.scenes import read_scenes

    loaded, train = load_model(model), read_scenes(scenes)
    card = make_card(
        loaded,
        model,
        tables.read_table(summary, tables.SUMMARY).to_pandas(),
        tables.read_table(full_precision_summary, tables.SUMMARY).to_pandas(),
        train,
        [read_calibration(path, loaded) for path in calibration],
        [pd.read_csv(path) for path in rates or []],
        json.loads(settings),
        data_licence,
        evaluated_on,
    )
    write_json(card, output, indent=1)
