"""A detector's network: an ONNX file behind OpenCV's DNN module, checked against its family before the first image."""

import ast
import logging
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnx
from google.protobuf.message import DecodeError

from contextual_anomaly.detection.backend import BACKENDS, CPU
from contextual_anomaly.detection.detector_families.base import DetectorFormat, Size
from contextual_anomaly.detection.letterbox import Placement, letterbox, stretch
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file

logger = logging.getLogger(__name__)


class Network:
    """One loaded detector; `detect` runs it on prepared images.

    Attributes:
        input_size: width and height in pixels, read from the file.
        batch: how many images it takes at a time.
        backend: what it runs on, of `BACKENDS`.
        classes: how many its output has.
        names: of the classes, where the file's metadata has them, in the order of the output.
    """

    def __init__(
        self,
        path: str | Path,
        family_name: str,
        family: DetectorFormat,
        stretched: bool = False,
        backend: str = CPU,
        batch: int = 1,
    ) -> None:
        """Load the file and run it once.

        Args:
            stretched: whether images fill the input, else they are letterboxed as the family has it.
            backend: one that is `available`; where the network does not run on it, the processor takes its place.
            batch: how many images to run at a time, where the file leaves that open; a file's own number goes first.

        Raises:
            UserError: it is missing, no ONNX file, wants another input, or its output is not of the family.
        """
        self.path = require_file(path, "an ONNX file")
        self.family = family
        self.stretched = stretched
        header = _read_header(self.path)
        self.input_size, self.names = header.input_size, header.names
        self.batch = header.batch or batch
        self.backend = backend
        try:
            output = self._first_run()
        except cv2.error as error:
            if backend == CPU:
                raise UserError(f"{path}: OpenCV cannot run this network ({_first_line(error)}).") from error
            logger.info(
                f"{path}: OpenCV cannot run this network on {backend} ({_first_line(error)}); going on with {CPU}."
            )
            self.backend = CPU
            output = self._first_run()
        classes = family.classes((1, *output.shape[1:]), self.input_size)
        if classes is None:
            raise UserError(
                f"{path}: the output has the shape {list(output.shape)}, the family {family_name} has {family.layout}; "
                f"for an input of {self.input_size[0]} × {self.input_size[1]}. Choose the family that the file is of."
            )
        self.classes = classes

    def prepare(self, image: np.ndarray) -> tuple[Placement, np.ndarray]:
        """Where ``image`` [h, w, 3] (BGR, uint8) lies in the network's input, and that input [1, 3, H, W]."""
        height, width = image.shape[:2]
        if self.stretched:
            place = stretch(width, height, self.input_size)
        else:
            place = letterbox(width, height, self.input_size, self.family.centred)
        return place, self._blob(place.fill(image, self.family.grey))

    def detect(self, *blobs: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Corners [N, 4] in pixels of the input and confidences [N, C] of each image, before any threshold.

        Args:
            blobs: of `prepare`, at most ``batch`` of them.

        Raises:
            UserError: a confidence is outside 0 to 1.
        """
        # Always as many as the network takes: fewer are another network to OpenCV, which may round otherwise.
        filled = [*blobs, *[blobs[-1]] * (self.batch - len(blobs))]
        output = self._forward(filled[0] if self.batch == 1 else np.concatenate(filled))
        return [self._decoded(output[i : i + 1]) for i in range(len(blobs))]

    def _decoded(self, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = self.family.decode(output, self.input_size)
        low, high = float(scores.min()), float(scores.max())
        if not (-1e-3 <= low <= high <= 1 + 1e-3):
            raise UserError(
                f"{self.path}: the network gave confidences from {low:.3g} to {high:.3g}, 0 to 1 was expected. "
                "Was it exported without its last activation, or for another family?"
            )
        return boxes, scores if 0 <= low <= high <= 1 else np.clip(scores, 0, 1)

    def _first_run(self) -> np.ndarray:
        """Load, and run once without an image: what does not fit is said now, and memory is laid out.

        Raises:
            cv2.error: OpenCV cannot read or run the file.
        """
        # OpenCV 5 has a new engine, for the processor alone, beside that of OpenCV 4.
        classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
        engine = {} if self.backend == CPU or classic is None else {"engine": classic}
        self._net = cv2.dnn.readNetFromONNX(str(self.path), **engine)
        if self.backend != CPU:
            of_opencv, target = BACKENDS[self.backend]
            self._net.setPreferableBackend(of_opencv)
            self._net.setPreferableTarget(target)
        width, height = self.input_size
        blob = self._blob(np.full((height, width, 3), self.family.grey, np.uint8))
        output = self._forward(blob if self.batch == 1 else np.concatenate([blob] * self.batch))
        if len(output) != self.batch:
            logger.info(f"{self.path}: gives one answer for {self.batch} images, so they go one by one")
            self.batch = 1
            output = self._forward(blob)
        return output

    def _blob(self, filled: np.ndarray) -> np.ndarray:
        # The same numbers as cv2.dnn.blobFromImage, several times as fast.
        planes = cv2.split(filled)
        blob = np.empty((1, 3, *filled.shape[:2]), np.float32)
        for place, plane in zip(blob[0], reversed(planes) if self.family.rgb else planes, strict=True):
            np.multiply(plane, np.float32(self.family.scale), out=place)
        return blob

    def _forward(self, blobs: np.ndarray) -> np.ndarray:
        self._net.setInput(blobs)
        return self._net.forward()


class _Header(NamedTuple):
    input_size: Size
    batch: int | None  # None where it is open
    names: list[str] | None


def _read_header(path: Path) -> _Header:
    """What an ONNX file says of its input and classes, without running it."""
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
    names = _names(path, metadata["names"]) if "names" in metadata else None
    return _Header((shape[3], shape[2]), shape[0] or None, names)


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
