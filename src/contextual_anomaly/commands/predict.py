"""`contextual-anomaly predict`: what is odd about one scene, and what is missing; or about many, live."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Option(help="The model that judges (.safetensors).")],
    objects: Annotated[
        list[str] | None,
        typer.Argument(help="What is in the scene: class names, or CLASS=0.7 for a doubtful one. None: read scenes."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="What held-out scenes look like to the model (Parquet): gives p-values.")
    ] = None,
    bottleneck: Annotated[int, typer.Option(min=1, help="Which variant of a sweep judges.")] = 10,
    clean_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of all scenes, those that nothing was added to, nor taken from.")
    ] = 0.9,
    missing: Annotated[int, typer.Option(min=0, help="How many absent classes to name.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Prediction in JSON, one line a scene.")] = False,
) -> None:
    """Say of each object how strongly the others speak for it, and which absent class is expected most.

    Expected: how probable the class is, given the others. p-value: the share of genuine cases that look as odd. P(added)
    and P(removed): how probable it is that this class was, were at most one.

    Without objects, scenes are read from standard input until it ends, one a line, as class names separated by commas
    or as a JSON object of class and confidence, {"cup": 0.9, "fork": 0.4}; each is answered at once in a line of JSON.

    Example: `contextual-anomaly predict laptop keyboard "dining table" surfboard --model results/models/ensemble.safetensors
    --calibration results/models/ensemble.calibration.parquet`
    """
    import sys

    from contextual_anomaly.predict import Predictor, as_table, read_objects

    judge = Predictor.from_files(model, calibration, bottleneck, clean_share)
    if objects:
        answer = judge.predict(read_objects(objects), missing)
        print(answer.as_json() if as_json else as_table(answer), flush=True)
        return
    for line in sys.stdin:
        if line.strip():
            print(judge.predict(read_objects(line), missing).as_json(), flush=True)
