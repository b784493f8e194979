"""Ultralytics YOLOv8, and YOLOv9, 11 and 12: [1, 4 + C, N], boxes decoded already.

A column holds the box's centre and size in pixels of the input, then the confidence of every class. The image lies in the
middle of the input, as Ultralytics' own letterboxing puts it.
"""

import numpy as np

from contextual_anomaly.detection.detector_families.base import DetectorFormat, Size


def _classes(shape: tuple[int, ...], size: Size) -> int | None:
    return shape[1] - 4 if len(shape) == 3 and shape[0] == 1 and shape[1] > 4 else None


def _decode(output: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
    centre, half = output[0, :2].T, output[0, 2:4].T / 2
    return np.concatenate([centre - half, centre + half], axis=1), output[0, 4:].T


YOLOV8 = DetectorFormat(
    centred=True,
    rgb=True,
    scale=1 / 255,
    layout="[1, 4 + classes, boxes]",
    classes=_classes,
    decode=_decode,
)
