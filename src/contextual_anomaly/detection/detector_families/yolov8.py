"""Ultralytics YOLOv8, and YOLOv9, 11 and 12: [1, 4 + C, N], boxes decoded already.

A column holds the box's centre and size in pixels of the input, then the confidence of every class. The image lies in the
middle of the input, as Ultralytics' own letterboxing puts it.
"""

import numpy as np

from contextual_anomaly.detection.detector_families.base import (
    DetectorFormat,
    Expected,
    Reading,
    corners_of,
    dense_layout,
    remark_of,
)


def _read(shape: tuple[int, ...], expected: Expected) -> Reading | None:
    layout = dense_layout(shape, expected, 4, channels_first=True)
    if layout is None:
        return None
    transposed, classes, extra = layout

    def decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = output[0] if transposed else output[0].T
        return corners_of(rows[:, :4], expected.size), rows[:, 4 : 4 + classes]

    return Reading(classes, decode, remark_of(transposed, extra))


YOLOV8 = DetectorFormat(centred=True, rgb=True, scale=1 / 255, layout="[1, 4 + classes, boxes]", read=_read)
