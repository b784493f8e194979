"""Ultralytics YOLOv5, and YOLOv6 and YOLOv7: [1, N, 5 + C], boxes decoded already.

A row holds the box's centre and size in pixels of the input, the objectness and the confidence of every class; the score
of a class is objectness · class. The image lies in the middle of the input, as in YOLOv8.
"""

import numpy as np

from contextual_anomaly.detection.detector_families.base import (
    DetectorFormat,
    Expected,
    LayoutError,
    Reading,
    corners_of,
    dense_layout,
    remark_of,
)
from contextual_anomaly.detection.detector_families.yolox import is_undecoded, number_of_cells


def _read(shape: tuple[int, ...], expected: Expected) -> Reading | None:
    layout = dense_layout(shape, expected, 5, channels_first=False)
    if layout is None:
        return None
    transposed, classes, extra = layout

    def decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = output[0].T if transposed else output[0]
        if len(rows) in number_of_cells(expected.size) and is_undecoded(rows):
            raise LayoutError("the boxes are offsets and logarithms, as YOLOX has them: choose the family yolox")
        return corners_of(rows[:, :4], expected.size), rows[:, 4:5] * rows[:, 5 : 5 + classes]

    return Reading(classes, decode, remark_of(transposed, extra))


YOLOV5 = DetectorFormat(centred=True, rgb=True, scale=1 / 255, layout="[1, boxes, 5 + classes]", read=_read)
