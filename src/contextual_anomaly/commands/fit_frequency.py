"""`contextual-anomaly fit-frequency`: the baseline without context."""

from pathlib import Path
from typing import Annotated

import typer


def fit_frequency(
    scenes: Annotated[Path, typer.Option(help="Scenes of the training split (Parquet).")],
    output: Annotated[Path, typer.Option(help="The model, as .safetensors.")],
    name: Annotated[str, typer.Option(help="The model's name in tables and report.")] = "frequency",
) -> None:
    """Count how often each class occurs, whatever else is there: the baseline of every table.

    Example: `contextual-anomaly fit-frequency --scenes results/scenes/train.parquet --output frequency.safetensors`
    """
    from contextual_anomaly.models import frequency
    from contextual_anomaly.scenes import read_scenes

    frequency.fit(read_scenes(scenes), output, name)
