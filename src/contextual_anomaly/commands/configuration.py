"""`contextual-anomaly configuration`: the settings of a run, kept beside its results."""

from pathlib import Path
from typing import Annotated

import typer


def configuration(
    settings: Annotated[str, typer.Option(help="All settings, as one JSON object.")],
    output: Annotated[Path, typer.Option(help="The same as YAML; can be given to snakemake --configfile again.")],
) -> None:
    """Write down the settings of a run, defaults included.

    Example: `contextual-anomaly configuration --settings '{"results": "results"}' --output configuration.yaml`
    """
    import json

    import yaml

    from contextual_anomaly.errors import UserError
    from contextual_anomaly.runtime.atomic import atomic_write

    try:
        values = json.loads(settings)
    except json.JSONDecodeError as error:
        raise UserError(f"--settings: not a JSON object ({error}).") from None
    with atomic_write(output) as temporary:
        temporary.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
