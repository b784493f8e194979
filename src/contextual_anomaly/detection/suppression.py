"""Non-maximum suppression, class by class."""

import cv2
import numpy as np


def box_non_max_suppression(boxes: np.ndarray, scores: np.ndarray, score_threshold: float, nms_threshold: float):
    """The boxes that stay; a box can stay for several classes.

    Args:
        boxes: [N, 4] corners.
        scores: [N, C].
        score_threshold: a (box, class) at or below it goes.
        nms_threshold: of two boxes of one class whose intersection over union is larger, the weaker goes.

    Returns:
        corners [K, 4] float64, class [K], score [K] float32; the highest score first.
    """
    box, of_class = np.nonzero(scores > score_threshold)
    score = scores[box, of_class].astype(np.float32)
    if not len(box):
        return np.empty((0, 4)), of_class, score
    corners = boxes[box].astype(np.float64)
    # OpenCV tells classes apart by moving each to a place of its own, which works from zero upwards.
    sized = corners - [*corners[:, :2].min(0)] * 2
    sized[:, 2:] -= sized[:, :2]
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(sized, score, of_class, score_threshold, nms_threshold), np.int64)
    kept = kept[np.lexsort((box[kept], of_class[kept], -score[kept]))]
    return corners[kept], of_class[kept], score[kept]
