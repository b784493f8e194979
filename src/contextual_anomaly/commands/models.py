"""`contextual-anomaly models`: the models that are there, their cards, and detectors to fetch."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Action(StrEnum):
    """What to do."""

    list = "list"
    show = "show"
    fetch = "fetch"


def models(
    action: Annotated[
        Action,
        typer.Argument(help="list: all models. show: the card of one. fetch: a detector, once, into the user's cache."),
    ],
    name: Annotated[
        str | None, typer.Argument(help="The context model to show, or the detector to fetch: yolox-nano, -tiny or -s.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Results of a run, whose models are listed and shown as well.")
    ] = None,
    local_copy: Annotated[
        Path | None, typer.Option(help="Folder in which a detector is looked for before the cache and the network.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where to copy the fetched detector.")] = None,
) -> None:
    """List the context models that come with the package, show a model card, or fetch a detector.

    A model's file is checked against its card; if it differs, the exit status is 1. A detector is verified by size and
    checksum, and kept in `$XDG_CACHE_HOME/contextual-anomaly`, or `~/.cache/contextual-anomaly`. Example:

    `contextual-anomaly models list --run results`

    `contextual-anomaly models show coco`

    `contextual-anomaly models fetch yolox-nano`
    """
    from contextual_anomaly import pretrained
    from contextual_anomaly.pretrained import cards, detectors

    if action is Action.list:
        print(cards.as_table([cards.read_packaged(path) for path in pretrained.model_files(run).values()]))
        print(f"\ndetectors to fetch: {', '.join(detectors.DETECTORS)}")
    elif action is Action.show:
        model = cards.read_packaged(pretrained.model_file(name or pretrained.DEFAULT, run))
        print(cards.as_text(model))
        if model.card and not model.is_whole:
            sys.exit(1)
    else:
        print(detectors.fetch(name or detectors.DEFAULT, local_copy, output))
