"""`contextual-anomaly train`: a sweep of autoencoders."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class RecipeName(StrEnum):
    """The recipes of `contextual_anomaly.training.RECIPES`."""

    published = "published"
    default = "default"


def train(
    scenes: Annotated[Path, typer.Option(help="Scenes of the training split (Parquet).")],
    output: Annotated[Path, typer.Option(help="The sweep, as .safetensors.")],
    history: Annotated[Path, typer.Option(help="Loss of every member and epoch, as CSV.")],
    name: Annotated[str, typer.Option(help="The model's name in tables and report.")],
    recipe: Annotated[RecipeName, typer.Option(help="published: as in the paper. default: hides what it asks for.")],
    bottleneck: Annotated[list[int], typer.Option(min=1, help="Units of the hidden layer; repeat for a sweep.")],
    seed: Annotated[list[int], typer.Option(min=0, help="Weight seed; repeat for several.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 150,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step.")] = 256,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use; a GPU is used where JAX sees one.")] = 1,
) -> None:
    """Train autoencoders of several bottlenecks and seeds side by side.

    Every fifth image validates. Example: a part of the paper's sweep, with two seeds:

    `contextual-anomaly train --scenes results/scenes/train.parquet --name published --recipe published
    --bottleneck 5 --bottleneck 10 --bottleneck 15 --seed 0 --seed 1 --threads 2
    --output published.safetensors --history published.history.csv`
    """
    import json

    import jax

    from contextual_anomaly.files import write_aside
    from contextual_anomaly.models import autoencoder
    from contextual_anomaly.progress import say
    from contextual_anomaly.scenes import read_scenes
    from contextual_anomaly.training import RECIPES, train_sweep

    examples = read_scenes(scenes)
    say(f"training on {len(examples.image_ids):,} images of {examples.dataset}, {jax.devices()[0].device_kind}")
    sweep, losses = train_sweep(
        examples,
        name,
        RECIPES[recipe],
        sorted(set(bottleneck)),
        sorted(set(seed)),
        epochs,
        batch_size,
        threads,
    )
    made_from = {"recipe": recipe, "epochs": epochs, "batch_size": batch_size, "dataset": examples.dataset}
    autoencoder.save(sweep, output, {key: json.dumps(value) for key, value in made_from.items()})
    with write_aside(history) as aside:
        losses.to_csv(aside, index=False, float_format="%.7g")
