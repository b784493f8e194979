"""End-to-end detectors: [1, N, 6], a few boxes that the network has chosen itself.

A row holds left, top, right and bottom in pixels of the input, the score, and the number of the class. YOLOv10 and YOLO26
give that, and so does every Ultralytics model that was exported with `nms=True`. No other suppression follows.
"""

import numpy as np

from contextual_anomaly.detection.detector_families.base import (
    KEYPOINTS,
    MASKS,
    DetectorFormat,
    Expected,
    LayoutError,
    Reading,
    in_pixels,
    remark_of,
)


def _read(shape: tuple[int, ...], expected: Expected) -> Reading | None:
    extras = {6: 0, 6 + MASKS: MASKS, 6 + KEYPOINTS: KEYPOINTS, 6 + expected.extra: expected.extra}
    if len(shape) != 3 or shape[0] != 1 or shape[2] not in extras:
        return None
    classes = expected.classes or 80

    def decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = output[0]
        corners, score, number = rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)
        there = score > 0  # rows that fill the output up hold anything
        if (rows[there, 5] != number[there]).any():
            raise LayoutError(
                "its last column holds no class numbers; left, top, right, bottom, score, class were expected"
            )
        if there.any() and not 0 <= number[there].min() <= number[there].max() < classes:
            raise LayoutError(f"it names the class number {number[there].max()}, but there are {classes} class names")
        scores = np.zeros((len(rows), classes), np.float32)
        scores[there, number[there]] = score[there]
        return in_pixels(np.where(there[:, None], corners, 0), expected.size), scores

    return Reading(classes, decode, remark_of(False, extras[shape[2]]))


END2END = DetectorFormat(
    centred=True,
    rgb=True,
    scale=1 / 255,
    layout="[1, boxes, 6]: left, top, right, bottom, score, class",
    read=_read,
    suppresses_itself=True,
)
