"""A detector's network: an ONNX file in a session, checked against its family before the first image."""

import logging
from pathlib import Path

import cv2
import numpy as np

from contextual_anomaly.detection.detector_families.base import DetectorFormat, Expected, LayoutError, Reading
from contextual_anomaly.detection.detector_families.diagnosis import diagnose
from contextual_anomaly.detection.letterbox import Placement, letterbox, stretch
from contextual_anomaly.detection.onnx_header import OnnxHeader, read_onnx_header
from contextual_anomaly.detection.sessions import CannotRun, open_session
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file
from contextual_anomaly.runtime.choices import Backend

logger = logging.getLogger(__name__)


class Network:
    """One loaded detector; `detect` runs it on prepared images.

    Attributes:
        input_size: Width and height in pixels.
        batch: Number of images that it takes at a time.
        backend: What it runs on.
        classes: Number of classes in its output.
        family_name: Of the settings.
        family: How it takes images and gives boxes.
        stretched: Whether images fill the input.
        names: Names of the classes in the order of the output, where the file's metadata has them.
    """

    def __init__(
        self,
        path: str | Path,
        family_name: str,
        family: DetectorFormat,
        stretched: bool = False,
        backend: str = Backend.cpu,
        batch: int = 1,
        classes: int | None = None,
        input_size: int = 0,
        header: OnnxHeader | None = None,
    ) -> None:
        """Load the file and run it once.

        Args:
            path: The ONNX file.
            family_name: For messages.
            family: How it takes images and gives boxes.
            stretched: Whether images fill the input; otherwise they are letterboxed as the family does it.
            backend: One that is `available`; if the network does not run on it, the processor takes its place.
            batch: Number of images to run at a time, for files that leave that open.
            classes: Number of class names, where they do not come from the file.
            input_size: Width and height of the input in pixels, for files that leave that open.
            header: What is known of the file, so that it need not be read with onnx.

        Raises:
            UserError: The file is missing, no ONNX file, takes another input, or its output is not of the family.
        """
        self.path = require_file(path, "an ONNX file")
        self.family_name, self.family = family_name, family
        self.stretched = stretched
        header = header or read_onnx_header(self.path, input_size)
        self._model = header.model
        self.input_size, self.names = header.input_size, header.names
        self.batch = header.batch or batch
        self.backend = Backend(backend)
        outputs = self._first_run_or_processor()
        shapes = {name: (1, *output.shape[1:]) for name, output in outputs.items()}
        known = classes or (len(self.names) if self.names else None)
        expected = Expected(self.input_size, known, header.extra)
        self._output, self._reading = self._choose(shapes, family_name, expected)
        self.classes = self._reading.classes
        others = [f"{name} {list(shape)}" for name, shape in shapes.items() if name != self._output]
        for remark in (f"its other outputs are ignored: {', '.join(others)}" if others else "", self._reading.remark):
            if remark:
                logger.info(f"{self.path}: {remark}")

    def _choose(self, shapes: dict[str, tuple[int, ...]], family_name: str, expected: Expected) -> tuple[str, Reading]:
        """Return the name of the one output that the family reads, and how."""
        found = {name: self.family.read(shape, expected) for name, shape in shapes.items()}
        readings = {name: reading for name, reading in found.items() if reading is not None}
        exact = {n: r for n, r in readings.items() if not expected.classes or r.classes == expected.classes}
        if len(exact) == 1 or (len(shapes) == 1 and readings):
            return next(iter((exact or readings).items()))
        shown = " and ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        what = f"the output has the shape {list(*shapes.values())}" if len(shapes) == 1 else f"the outputs are {shown}"
        width, height = self.input_size
        raise UserError(
            f"{self.path}: {what}, the family {family_name} has {self.family.layout}; for an input of {width} × {height}. "
            + diagnose(shapes, expected)
        )

    def prepare(self, image: np.ndarray, size: tuple[int, int] | None = None) -> tuple[Placement, np.ndarray]:
        """Fit an image into the network's input.

        Args:
            image: [h, w, 3] (BGR, uint8).
            size: Width and height of the whole image in pixels, if ``image`` was reduced.

        Returns:
            Where the image lies in the input, and the input [1, 3, H, W].
        """
        width, height = size or image.shape[1::-1]
        if self.stretched:
            place = stretch(width, height, self.input_size)
        else:
            place = letterbox(width, height, self.input_size, self.family.centred)
        return place, self._blob(place.fill(image, self.family.grey))

    def detect(self, *blobs: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Run the network.

        Args:
            blobs: From `prepare`, at most ``batch`` of them.

        Returns:
            Corners [N, 4] in pixels of the input and scores [N, C] of each image, before any threshold.

        Raises:
            UserError: A score is outside 0 to 1, or the numbers are not what the shape promised.
        """
        # Always as many as the network takes: OpenCV may round otherwise for fewer.
        filled = [*blobs, *[blobs[-1]] * (self.batch - len(blobs))]
        (output,) = self._session.run(filled[0] if self.batch == 1 else np.concatenate(filled), [self._output])
        return [self._decoded(output[i : i + 1]) for i in range(len(blobs))]

    def engine(self) -> str:
        """Return what the network runs on: library, version and device."""
        return self._session.engine()

    def _decoded(self, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            boxes, scores = self._reading.decode(output)
        except LayoutError as error:
            raise UserError(f"{self.path}: {error}.") from None
        if not scores.size:
            return boxes, scores
        low, high = float(scores.min()), float(scores.max())
        if not (-1e-3 <= low <= high <= 1 + 1e-3):
            raise UserError(
                f"{self.path}: the network gave confidences from {low:.3g} to {high:.3g}, 0 to 1 was expected. "
                "Was it exported without its last activation, or for another family?"
            )
        return boxes, scores if 0 <= low <= high <= 1 else np.clip(scores, 0, 1)

    def _first_run_or_processor(self) -> dict[str, np.ndarray]:
        """Load and run once, on the processor if the chosen backend fails."""
        processor = Backend.cpu if self.backend is not Backend.onnxruntime_cuda else Backend.onnxruntime
        try:
            return self._first_run()
        except CannotRun as error:
            if self.backend in (Backend.cpu, Backend.onnxruntime):
                library = "OpenCV" if self.backend is Backend.cpu else "ONNX Runtime"
                raise UserError(f"{self.path}: {library} cannot run this network ({error}).") from None
            logger.warning(f"{self.path}: this network cannot run on {self.backend} ({error}); running on {processor}.")
        self.backend = processor
        return self._first_run_or_processor()

    def _first_run(self) -> dict[str, np.ndarray]:
        """Load, and run once without an image, so that errors come early and memory is allocated.

        Raises:
            CannotRun: The backend cannot read or run the file.
        """
        self._session = open_session(self.path, self._model, self.backend)
        width, height = self.input_size
        blob = self._blob(np.full((height, width, 3), self.family.grey, np.uint8))
        names = list(self._session.output_names)
        outputs = self._session.run(blob if self.batch == 1 else np.concatenate([blob] * self.batch), names)
        if self.batch > 1 and any(len(output) != self.batch for output in outputs):
            logger.info(f"{self.path}: gives one answer for {self.batch} images, so they go one by one")
            self.batch = 1
            outputs = self._session.run(blob, names)
        return dict(zip(names, outputs, strict=True))

    def _blob(self, filled: np.ndarray) -> np.ndarray:
        """Convert pixels [H, W, 3] to the input [1, 3, H, W]: as cv2.dnn.blobFromImage, several times as fast."""
        planes = cv2.split(filled)
        blob = np.empty((1, 3, *filled.shape[:2]), np.float32)
        for place, plane in zip(blob[0], reversed(planes) if self.family.rgb else planes, strict=True):
            np.multiply(plane, np.float32(self.family.scale), out=place)
        return blob
