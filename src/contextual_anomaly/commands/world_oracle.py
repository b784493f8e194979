"""`world-oracle`: the exact answer, as a model file."""

from pathlib import Path
from typing import Annotated

import typer


def world_oracle(
    output: Annotated[Path, typer.Option(help="The model file to write (.safetensors).")],
    include_person: Annotated[
        bool, typer.Option("--include-person/--exclude-person", help="Whether 'person' is one of the classes.")
    ] = False,
) -> None:
    """Write the embedded world's exact conditional as a context model.

    The embedded world draws every scene from 64 known scene types, so P(class present | every other class) has a
    closed form. No model can beat it on that world's data: in each table of experiments it is the ceiling, as class
    frequency is the floor. Give it the classes that the scenes were encoded with.

    Example: contextual-anomaly world-oracle --output results/models/oracle.safetensors
    """
    from contextual_anomaly.models import oracle
    from contextual_anomaly.world.mixture import load_world

    world = load_world()
    kept = [i for i, name in enumerate(world.classes) if include_person or name != "person"]
    oracle.save(
        output,
        name="oracle",
        classes=tuple(world.classes[i] for i in kept),
        weight=world.weight,
        # Classes are independent given the scene type: leaving a column out is summing over it.
        probability=world.probability[:, kept],
    )
