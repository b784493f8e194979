"""Which files a context model is made of: shipped with the package, of a run of the workflow, or given by a person."""

from dataclasses import dataclass
from pathlib import Path

from contextual_anomaly import pretrained
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration, read_calibration
from contextual_anomaly.models.registry import load_variant
from contextual_anomaly.pretrained.runs import USUAL_MODEL, listing_model

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelFiles:
    """A loaded model.

    Attributes:
        model: the model.
        variant: index of the variant that answers.
        annotated: its calibration for objects that people marked; None where there is none.
        behind_detector: its calibration for the objects of a detector; None where there is none.
    """

    model: ContextModel
    variant: int
    annotated: Calibration | None
    behind_detector: Calibration | None


def model_files(
    model: str | Path | None, run: str | Path | None, calibration: str | Path | None, detector: str
) -> ModelFiles:
    """Load a model and its calibrations.

    Args:
        model: name of a model, or its file; None for the run's, or else the package's.
        run: folder of the results of a run.
        calibration: file that takes the place of the model's own.
        detector: name of the detector.

    Raises:
        UserError: there is no such model, or a file is not what is expected.
    """
    path = model_file(model, run)
    loaded, variant = load_variant(path)
    if calibration is not None:
        own = read_calibration(calibration, loaded)
        return ModelFiles(loaded, variant, None if own.detector else own, own if own.detector else None)
    files = [pretrained.find_calibration(path, kind) for kind in (None, detector)]
    return ModelFiles(loaded, variant, *(file and read_calibration(file, loaded) for file in files))


def model_file(model: str | Path | None, run: str | Path | None) -> Path:
    """Return the file of a model.

    Args:
        model: name of a model, or its file.
        run: folder of the results of a run.

    Raises:
        UserError: there is no such model.
    """
    if model is not None and str(model).endswith(SUFFIX):
        return Path(model)
    name = None if model is None else str(model)
    if run is None:
        return pretrained.find(name or pretrained.DEFAULT)
    folder = Path(run) / "models"
    available = sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
    if not available:
        raise UserError(f"{run}: there are no models, so this is not the folder of a run.")
    name = name or listing_model(Path(run)) or (available[0] if len(available) == 1 else USUAL_MODEL)
    if name not in available:
        raise UserError(f"{run}: there is no model {name!r}, only {', '.join(available)}.")
    return folder / f"{name}{SUFFIX}"
