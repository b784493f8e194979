"""What a run of the workflow has: which of its models answers if none is named, and the detector of its world."""

from pathlib import Path
from typing import Any

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
    settings = _settings(results, "name the model instead, as --model ensemble")
    try:
        return None if settings is None else str(settings["anomalies"]["models"][0])
    except (LookupError, TypeError) as error:
        raise UserError(_damaged(results)) from error


def world_detector(results: Path) -> tuple[str, Path, str] | None:
    """Return name, file and family of the synthetic world's own detector in a run; None in a run without.

    Args:
        results: the folder of the run.

    Raises:
        UserError: the configuration cannot be read.
    """
    path = results / "world" / "detector.onnx"
    if not path.is_file():
        return None
    settings = _settings(results, "name the detector instead, as --detector yolox-nano")
    try:
        detectors = [] if settings is None else settings["detection"]["detectors"]
        own = [one for one in detectors if not one.get("weights") and not one.get("results")]
        return (str(own[0]["name"]), path, str(own[0]["family"])) if own else None
    except (LookupError, TypeError, AttributeError) as error:
        raise UserError(_damaged(results)) from error


def _settings(results: Path, otherwise: str) -> Any:
    """Return the configuration of a run; None while it is not there."""
    path = results / "configuration.yaml"
    if not path.is_file():
        return None
    try:
        import yaml
    except ImportError as error:
        raise UserError(f"{path}: reading it needs the package pyyaml; {otherwise}.") from error
    try:
        return yaml.safe_load(read_text(path, "the settings of the run"))
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(_damaged(results)) from error


def _damaged(results: Path) -> str:
    path = results / "configuration.yaml"
    return f"{path}: not the settings of a run, or damaged. Delete it and run again, or give --model and --detector."
