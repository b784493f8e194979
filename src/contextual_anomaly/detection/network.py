"""A detector's network: an ONNX file behind OpenCV's DNN module, checked against its family before the first image."""

import ast
from pathlib import Path

import cv2
import numpy as np
import onnx
from google.protobuf.message import DecodeError

from contextual_anomaly.detection.family import Family, Size
from contextual_anomaly.detection.letterbox import GREY, Letterbox, letterbox
from contextual_anomaly.errors import UserError
from contextual_anomaly.files import require_file


class Network:
    """One loaded detector; `detect` runs it on one prepared image.

    Attributes:
        input_size: width and height in pixels, read from the file.
        classes: how many its output has.
        names: of the classes, where the file's metadata has them, in the order of the output.
    """

    def __init__(self, path: str | Path, family_name: str, family: Family) -> None:
        """Load the file and run it once.

        Raises:
            UserError: it is missing, no ONNX file, wants another input, or its output is not of the family.
        """
        self.path = require_file(path, "an ONNX file")
        self.family = family
        self.input_size, self.names = _read_header(self.path)
        try:
            self._net = cv2.dnn.readNetFromONNX(str(self.path))
            # Once without an image: what does not fit is said now, and memory is laid out.
            width, height = self.input_size
            output = self._forward(self._blob(np.full((height, width, 3), GREY, np.uint8)))
        except cv2.error as error:
            raise UserError(f"{path}: OpenCV cannot run this network ({_first_line(error)}).") from error
        classes = family.classes(output.shape, self.input_size)
        if classes is None:
            raise UserError(
                f"{path}: the output has the shape {list(output.shape)}, the family {family_name} has {family.layout}; "
                f"for an input of {width} × {height}. Choose the family that the file is of."
            )
        self.classes = classes

    def prepare(self, image: np.ndarray) -> tuple[Letterbox, np.ndarray]:
        """The letterbox of ``image`` [h, w, 3] (BGR, uint8) and the network's input [1, 3, H, W]."""
        box = letterbox(image.shape[1], image.shape[0], self.input_size, self.family.centred)
        return box, self._blob(box.fill(image))

    def detect(self, blob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners [N, 4] in pixels of the input and confidences [N, C], before any threshold.

        Raises:
            UserError: a confidence is outside 0 to 1.
        """
        boxes, scores = self.family.decode(self._forward(blob), self.input_size)
        low, high = float(scores.min()), float(scores.max())
        if not (-1e-3 <= low <= high <= 1 + 1e-3):
            raise UserError(
                f"{self.path}: the network gave confidences from {low:.3g} to {high:.3g}, 0 to 1 was expected. "
                "Was it exported without its last activation, or for another family?"
            )
        return boxes, np.clip(scores, 0, 1)

    def _blob(self, filled: np.ndarray) -> np.ndarray:
        return cv2.dnn.blobFromImage(filled, scalefactor=self.family.scale, swapRB=self.family.rgb)

    def _forward(self, blob: np.ndarray) -> np.ndarray:
        self._net.setInput(blob)
        return self._net.forward()


def _read_header(path: Path) -> tuple[Size, list[str] | None]:
    """Input size and class names of an ONNX file, without running it."""
    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise UserError(f"{path}: not an ONNX file, or one that is cut off.") from error
    # A file's own weights can be listed among its inputs.
    stored = {weights.name for weights in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in stored]
    if not inputs or not model.graph.output:
        raise UserError(f"{path}: not an ONNX file, or one without a network.")
    shape = [d.dim_value if d.HasField("dim_value") else None for d in inputs[0].type.tensor_type.shape.dim]
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or not shape[2] or not shape[3]:
        shown = [[d.dim_value or d.dim_param or "?" for d in i.type.tensor_type.shape.dim] for i in inputs]
        raise UserError(
            f"{path}: the inputs are {shown}, one of [1, 3, height, width] with a fixed size was expected. "
            "Export it with a fixed input size."
        )
    if len(model.graph.output) != 1:
        names = ", ".join(output.name for output in model.graph.output)
        raise UserError(f"{path}: the outputs are {names}, a network with one output was expected.")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return (shape[3], shape[2]), _names(path, metadata["names"]) if "names" in metadata else None


def _names(path: Path, text: str) -> list[str]:
    """Class names as Ultralytics writes them, {0: 'person', 1: 'bicycle'}; a list or JSON's text keys will do too."""
    try:
        names = ast.literal_eval(text)  # literals only, nothing is run
        if isinstance(names, dict):
            names = {int(number): name for number, name in names.items()}
        names = [names[i] for i in range(len(names))]
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: metadata names: {text[:60]!r} is not a list of names. Give them with --names."
        ) from error
    return [str(name) for name in names]


def _first_line(error: cv2.error) -> str:
    return str(error).strip().splitlines()[0]
