"""Models of a run of the workflow: which one answers if none is named."""

from pathlib import Path

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import read_text

USUAL_MODEL = "ensemble"
"""The model of a run that does not say which of its models lists anomalies."""


def listing_model(results: Path) -> str | None:
    """Return the first model that lists anomalies by the configuration of a run; None while that is not there.

    Args:
        results: the folder of the run.

    Raises:
        UserError: the configuration cannot be read.
    """
    path = results / "configuration.yaml"
    if not path.is_file():
        return None
    try:
        import yaml
    except ImportError as error:
        raise UserError(
            f"{path}: reading it needs the package pyyaml; name the model instead, as --model ensemble."
        ) from error

    try:
        text = read_text(path, "the settings of the run")
        return str(yaml.safe_load(text)["anomalies"]["models"][0])
    except (yaml.YAMLError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path}: not the settings of a run, or damaged. Delete it and run again, or give --model."
        ) from error
