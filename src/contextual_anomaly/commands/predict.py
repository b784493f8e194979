"""`contextual-anomaly predict`: what is unexpected in one scene, and what is missing; or in many, live."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    objects: Annotated[
        list[str] | None,
        typer.Argument(
            help="What is in the scene: class names, or CLASS=0.7 where one is uncertain. None: read scenes."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Results of a run, which hold models and their calibration. Default: results; where that is no run, a "
            "model that comes with the package predicts.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name of a model of the run or of the package, or a .safetensors file. Default: the run's first, or coco."
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Calibration of a model that is given as a file (Parquet), for p-values.")
    ] = None,
    bottleneck: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Which variant of a sweep predicts, where the model is given as a file. Default: the chosen one.",
        ),
    ] = None,
    missing: Annotated[int, typer.Option(min=0, help="How many absent classes to name.")] = 5,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Name the classes that speak for it and against it; slower.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line a scene.")] = False,
) -> None:
    """Say how probable each object is given the others, and which absent classes are most probable.

    The p-value is the share of genuine cases that look as unusual; scenes of fewer classes than those of the
    calibration, of none or one mostly, have none. P(added) and P(removed) are the probabilities that
    this class was added to the scene or removed from it, if at most one class was.

    Without objects, scenes are read from standard input, one a line, as class names separated by commas or as a JSON
    object of class and probability, {"cup": 0.9, "fork": 0.4}. Each is answered at once in a line of JSON; what is wrong
    with a line is its `error`, the rest of it is answered, and the stream goes on. Of scenes with none or one class there
    is nothing to compare.

    Example: `contextual-anomaly predict laptop keyboard "dining table" surfboard --run results`
    """
    import sys

    from contextual_anomaly.predict import Predictor, as_table, read_objects
    from contextual_anomaly.runtime.lines import lines_of
    from contextual_anomaly.runtime.safe_text import printable

    predictor = Predictor.choose(model, run, calibration, bottleneck)
    if objects:
        prediction = predictor.predict(read_objects(objects), missing, explain)
        print(prediction.as_json() if as_json else printable(as_table(prediction)), flush=True)
        return
    for prediction in predictor.predict_lines(lines_of(sys.stdin.buffer), missing, explain):
        print(prediction.as_json(), flush=True)
