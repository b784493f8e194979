"""The detector that gives the objects of images: by name, which is fetched once, or an ONNX file."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from contextual_anomaly.coco.classes import CLASSES
from contextual_anomaly.errors import UserError
from contextual_anomaly.pretrained.detectors import DEFAULT, DETECTORS, fetch, identify, named
from contextual_anomaly.pretrained.runs import world_detector
from contextual_anomaly.runtime.atomic import require_file

if TYPE_CHECKING:
    from contextual_anomaly.detection.image_detector import ImageDetector

INPUT_SIZE = {"yolox-nano": 416, "yolox-tiny": 416, "yolox-s": 640}
"""Pixels, of width and of height."""


@dataclass(frozen=True)
class ChosenDetector:
    """A detector that is loaded when it is first used.

    Attributes:
        name: of the detector; that of its file where it has no other.
        weights: the ONNX file; None for one that is fetched by its name.
        family: form of its output.
        class_names: of its outputs; None for those of the file.
        given: whether a person chose it, so that detections which come without a name are its own.
    """

    name: str
    weights: Path | None = None
    family: str = "yolox"
    class_names: tuple[str, ...] | None = None
    given: bool = False

    def loaded(self, threads: int = 1) -> "ImageDetector":
        """Return the detector, loaded once for each number of networks.

        Args:
            threads: networks side by side.

        Raises:
            UserError: a file is missing or of another kind, or the detector cannot be fetched.
        """
        return _load(self, threads)


@cache
def _load(chosen: ChosenDetector, threads: int) -> "ImageDetector":
    from contextual_anomaly.detection.image_detector import ImageDetector
    from contextual_anomaly.detection.onnx_header import OnnxHeader

    weights = chosen.weights or fetch(chosen.name)
    header = None
    if chosen.name in INPUT_SIZE:  # what is known need not be read with onnx
        side = INPUT_SIZE[chosen.name]
        header = OnnxHeader((side, side), 1, list(CLASSES), 0, None)
    return ImageDetector.load(weights, chosen.family, chosen.class_names, header, threads=threads)


def choose_detector(
    detector: str | Path | None,
    family: str | None = None,
    class_names: str | Path | None = None,
    run: str | Path | None = None,
) -> ChosenDetector:
    """Return a detector, not yet loaded.

    Args:
        detector: name of a detector, or its ONNX file; None for the usual one.
        family: form of the output of a file; by default YOLOX's.
        class_names: text or YAML file of the class names of a file.
        run: folder of the results of a run; where it has a synthetic world, that has a detector of its own, which is the
            usual one there, and has a name.

    Raises:
        UserError: there is no such detector or file.
    """
    if run is not None and (detector is None or str(detector) not in DETECTORS):
        own = world_detector(Path(run))
        if own is not None and detector in (None, own[0]):
            return ChosenDetector(own[0], own[1], own[2], None, detector is not None)
    if detector is None or str(detector) in DETECTORS:
        known = named(DEFAULT if detector is None else str(detector))
        return ChosenDetector(known.name, None, str(known.family), CLASSES, detector is not None)
    path = Path(detector)
    if not path.is_file() and path.suffix != ".onnx":
        raise UserError(f"detector {detector}: unknown, expected one of {', '.join(DETECTORS)}, or an ONNX file.")
    known = identify(require_file(path, "the weights of a detector (ONNX)"))
    if known is not None:
        return ChosenDetector(known, path, str(named(known).family), CLASSES, True)
    names = None
    if class_names is not None:
        from contextual_anomaly.detection.names import read_names

        names = tuple(read_names(class_names))
    return ChosenDetector(path.stem, path, family or "yolox", names, True)
