"""Ultralytics YOLOv5, and YOLOv7: [1, N, 5 + C], boxes decoded already.

A row holds the box's centre and size in pixels of the input, the objectness and the confidence of every class; what a
class is given is objectness · class. The image lies in the middle of the input, as in YOLOv8.
"""

import numpy as np

from contextual_anomaly.detection.detector_families.base import DetectorFormat, Size


def _classes(shape: tuple[int, ...], size: Size) -> int | None:
    # YOLOv8 has it the other way round, and always more boxes than rows.
    return shape[2] - 5 if len(shape) == 3 and shape[0] == 1 and shape[1] > shape[2] > 5 else None


def _decode(output: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
    rows = output[0]
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1), rows[:, 4:5] * rows[:, 5:]


YOLOV5 = DetectorFormat(
    centred=True,
    rgb=True,
    scale=1 / 255,
    layout="[1, boxes, 5 + classes]",
    classes=_classes,
    decode=_decode,
)
