"""What a network runs on: pairs of OpenCV's backends and targets by name, and whether this OpenCV has them."""

import logging

import cv2

logger = logging.getLogger(__name__)


CPU = "cpu"
BACKENDS: dict[str, tuple[int, int]] = {
    CPU: (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_CPU),
    "opencl": (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_OPENCL),
    "openvino": (cv2.dnn.DNN_BACKEND_INFERENCE_ENGINE, cv2.dnn.DNN_TARGET_CPU),
    "cuda": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA),
    "cuda_fp16": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA_FP16),
}


def available(backend: str) -> str:
    """``backend`` where this OpenCV and machine have it, else the processor, which is said."""
    of_opencv, target = BACKENDS[backend]
    if target in cv2.dnn.getAvailableTargets(of_opencv):
        return backend
    there = ", ".join(name for name, (b, t) in BACKENDS.items() if t in cv2.dnn.getAvailableTargets(b))
    logger.info(
        f"{backend}: OpenCV {cv2.__version__} here cannot run on it, only on {there}; going on with {CPU}. The packages "
        "of PyPI and conda-forge are built for the processor: for another backend, build OpenCV with it and install "
        "that into this environment."
    )
    return CPU
