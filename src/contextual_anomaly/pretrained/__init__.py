"""Context models that come with the package, their calibrations, and detectors by name.

A model is three files or more in this folder: `NAME.safetensors`, the model card `NAME.json`, and a calibration for each
kind of evidence, `NAME.KIND.calibration.parquet`, where the kind is `annotations` or the name of a detector.
"""

from pathlib import Path

from contextual_anomaly.errors import UserError

FOLDER = Path(__file__).parent
ANNOTATIONS = "annotations"
"""The kind of evidence that people gave, in place of the name of a detector."""


def names() -> list[str]:
    """Return the names of the models that come with the package, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name: str) -> Path:
    """Return the file of a model that comes with the package.

    Args:
        name: one of `names`.

    Raises:
        UserError: there is no such model.
    """
    if name not in names():
        raise UserError(f"model {name!r} does not come with the package, only {', '.join(names())}.")
    return FOLDER / f"{name}.safetensors"


def find_calibration(model: str, detector: str | None = None) -> Path | None:
    """Return the calibration of a model that comes with the package, for `models.calibration.read_calibration`.

    Args:
        model: one of `names`.
        detector: the name of the detector that gives the objects; None for annotations.

    Returns:
        None where that pair was not calibrated: no p-values can be promised.

    Raises:
        UserError: there is no such model.
    """
    path = find(model).with_name(f"{model}.{detector or ANNOTATIONS}.calibration.parquet")
    return path if path.is_file() else None
