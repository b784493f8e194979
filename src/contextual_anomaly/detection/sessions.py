"""What a network runs on: OpenCV DNN with its backends, or ONNX Runtime."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.choices import Backend

logger = logging.getLogger(__name__)

OPENCV_TARGETS: dict[Backend, tuple[int, int]] = {
    Backend.cpu: (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_CPU),
    Backend.opencl: (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_OPENCL),
    Backend.openvino: (cv2.dnn.DNN_BACKEND_INFERENCE_ENGINE, cv2.dnn.DNN_TARGET_CPU),
    Backend.cuda: (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA),
    Backend.cuda_fp16: (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA_FP16),
}
"""OpenCV's backend and target."""
ONNX_RUNTIME_PROVIDERS = {
    Backend.onnxruntime: "CPUExecutionProvider",
    Backend.onnxruntime_cuda: "CUDAExecutionProvider",
}
ON_PROCESSOR = (Backend.cpu, Backend.onnxruntime)
"""Backends of which every thread has a network of its own."""


class CannotRun(Exception):
    """The backend cannot read or run the file; the message is its own."""


class Session(Protocol):
    """A loaded network."""

    output_names: Sequence[str]

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        """Return some outputs for images [B, 3, H, W]."""
        ...

    def engine(self) -> str:
        """Return library, version and device, for the log."""
        ...


def available(backend: str) -> Backend:
    """Return ``backend`` if it can run here; otherwise the processor, with a message.

    Raises:
        UserError: ONNX Runtime was asked for and is not installed.
    """
    backend = Backend(backend)
    if backend in ONNX_RUNTIME_PROVIDERS:
        return _available_in_onnx_runtime(backend)
    opencv_backend, target = OPENCV_TARGETS[backend]
    if target in cv2.dnn.getAvailableTargets(opencv_backend):
        return backend
    here = ", ".join(name for name, (b, t) in OPENCV_TARGETS.items() if t in cv2.dnn.getAvailableTargets(b))
    logger.warning(
        f"{backend}: OpenCV {cv2.__version__} here cannot run on it, only on {here}; running on {Backend.cpu}. The "
        "packages of PyPI and conda-forge are built for the processor: for another backend, build OpenCV with it and "
        "install that into this environment, or choose onnxruntime_cuda."
    )
    return Backend.cpu


def _available_in_onnx_runtime(backend: Backend) -> Backend:
    runtime = _onnx_runtime()
    if ONNX_RUNTIME_PROVIDERS[backend] in runtime.get_available_providers():
        return backend
    logger.warning(
        f"{backend}: ONNX Runtime {runtime.__version__} here has only "
        f"{', '.join(runtime.get_available_providers())}; running on {Backend.onnxruntime}. Install onnxruntime-gpu in "
        "place of onnxruntime for a graphics card."
    )
    return Backend.onnxruntime


def _onnx_runtime():
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            "the backend onnxruntime needs the package onnxruntime, which is not installed: "
            "pip install 'contextual-anomaly[onnxruntime]'."
        ) from error
    return onnxruntime


def open_session(path: Path, model: bytes | None, backend: Backend) -> Session:
    """Load a network.

    Args:
        path: The ONNX file.
        model: Its content where that was changed; None to load the file.
        backend: One that is `available`.

    Raises:
        CannotRun: The backend cannot read the file.
    """
    if backend in ONNX_RUNTIME_PROVIDERS:
        return OnnxRuntimeSession(path, model, ONNX_RUNTIME_PROVIDERS[backend])
    return OpenCVSession(path, model, backend)


class OpenCVSession:
    """A network in OpenCV's DNN module."""

    def __init__(self, path: Path, model: bytes | None, backend: Backend) -> None:
        """Load the file; see `open_session`."""
        self.backend = backend
        # OpenCV 5 has a new engine, for the processor alone, beside that of OpenCV 4.
        classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
        engine = {} if backend is Backend.cpu or classic is None else {"engine": classic}
        try:
            source = str(path) if model is None else np.frombuffer(model, np.uint8)
            self._net = cv2.dnn.readNetFromONNX(source, **engine)  # pyright: ignore[reportCallIssue, reportArgumentType]
            if backend is not Backend.cpu:
                opencv_backend, target = OPENCV_TARGETS[backend]
                self._net.setPreferableBackend(opencv_backend)
                self._net.setPreferableTarget(target)
            self.output_names: Sequence[str] = self._net.getUnconnectedOutLayersNames()
        except cv2.error as error:
            raise CannotRun(_first_line(error)) from None

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        """Return some outputs for images [B, 3, H, W].

        Raises:
            CannotRun: OpenCV cannot run the network.
        """
        try:
            self._net.setInput(images)
            if len(outputs) == 1:
                return [self._net.forward(outputs[0])]
            found = dict(zip(self.output_names, self._net.forward(self.output_names), strict=True))
        except cv2.error as error:
            raise CannotRun(_first_line(error)) from None
        return [found[name] for name in outputs]

    def engine(self) -> str:
        """Return library, version and device."""
        return f"OpenCV {cv2.__version__} on {self.backend}"


class OnnxRuntimeSession:
    """A network in ONNX Runtime, on one thread or on one graphics card."""

    def __init__(self, path: Path, model: bytes | None, provider: str) -> None:
        """Load the file; see `open_session`."""
        runtime = _onnx_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        providers = list(dict.fromkeys((provider, "CPUExecutionProvider")))
        try:
            self._session = runtime.InferenceSession(model or str(path), options, providers=providers)
        except Exception as error:  # its exceptions have no common base but this
            raise CannotRun(_first_line(error)) from None
        if provider not in self._session.get_providers():  # its libraries are missing, which is only logged
            raise CannotRun(f"ONNX Runtime could not start {provider}")
        self._input = self._session.get_inputs()[0].name
        self.output_names: Sequence[str] = [output.name for output in self._session.get_outputs()]
        self._version = runtime.__version__

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        """Return some outputs for images [B, 3, H, W].

        Raises:
            CannotRun: ONNX Runtime cannot run the network.
        """
        try:
            return [np.asarray(output) for output in self._session.run(list(outputs), {self._input: images})]
        except Exception as error:
            raise CannotRun(_first_line(error)) from None

    def engine(self) -> str:
        """Return library, version and device."""
        return f"ONNX Runtime {self._version} on {self._session.get_providers()[0]}"


def _first_line(error: Exception) -> str:
    """Return what a library says is wrong, without where in its source."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^OpenCV\([^)]*\) \S+: error: (\(-?\d+:[^)]*\) )?| in function '.*'$", "", lines[0])
