"""Context models that come with the package, their calibrations, and detectors by name.

A model is three files or more in this folder: `NAME.safetensors`, the model card `NAME.json`, and a calibration for each
kind of evidence, `NAME.KIND.calibration.parquet`, where the kind is `annotations` or the name of a detector.
"""

from pathlib import Path

from contextual_anomaly.errors import UserError

FOLDER = Path(__file__).parent
DEFAULT = "coco"
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


def find_calibration(model: str | Path, detector: str | None = None) -> Path | None:
    """Return the calibration of a model, for `models.calibration.read_calibration`.

    Args:
        model: one of `names`, or the file of a model; the calibrations of a run lie beside its models as well.
        detector: the name of the detector that gives the objects; None for annotations.

    Returns:
        None where that pair was not calibrated: no p-values can be promised.

    Raises:
        UserError: there is no such model.
    """
    path = find(model) if isinstance(model, str) else model
    kinds = [f".{detector}"] if detector else [f".{ANNOTATIONS}", ""]  # a run names that from annotations shortly
    beside = (path.with_name(f"{path.stem}{kind}.calibration.parquet") for kind in kinds)
    return next((file for file in beside if file.is_file()), None)


def calibrated(path: Path) -> list[str]:
    """Return what the p-values of a model are calibrated for: annotations, and names of detectors.

    Args:
        path: the model's file.
    """
    ending = ".calibration.parquet"
    beside = path.parent.glob(f"{path.stem}*{ending}")
    kinds = {file.name.removeprefix(path.stem).removesuffix(ending) for file in beside}
    found = {kind.removeprefix(".") or ANNOTATIONS for kind in kinds if not kind or kind.startswith(".")}
    return sorted(found, key=lambda kind: (kind != ANNOTATIONS, kind))


def model_files(run: Path | None = None) -> dict[str, Path]:
    """Return the files of all models by name: those that come with the package, then those of a run.

    Args:
        run: the folder of the results of a run. What it packaged comes before what it fitted.

    Raises:
        UserError: the folder holds no model.
    """
    found = {name: find(name) for name in names()}
    if run is not None:
        of_run = {path.stem: path for folder in ("models", "pretrained") for path in _models_in(run / folder)}
        if not of_run:
            raise UserError(f"{run}: there are no models, so this is not the folder of a run.")
        found.update(of_run)
    return found


def model_file(name: str, run: Path | None = None) -> Path:
    """Return the file of a model, that of a run first.

    Args:
        name: of the model.
        run: the folder of the results of a run.

    Raises:
        UserError: there is no such model.
    """
    found = model_files(run)
    if name not in found:
        raise UserError(f"there is no model {name!r}, only {', '.join(found)}.")
    return found[name]


def _models_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))
