"""Choose boxes by score, and among overlapping ones of a class."""

import cv2
import numpy as np


def above_threshold(
    boxes: np.ndarray, scores: np.ndarray, score_threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the (box, class) pairs above a threshold, without suppression.

    Args:
        boxes: [N, 4] corners.
        scores: [N, C].
        score_threshold: A pair at or below it is left out.

    Returns:
        Corners [K, 4] float64, class [K], score [K] float32; the highest score first.
    """
    box, of_class = np.nonzero(scores > score_threshold)
    score = scores[box, of_class].astype(np.float32)
    order = np.lexsort((box, of_class, -score))
    return boxes[box[order]].astype(np.float64), of_class[order], score[order]


def box_non_max_suppression(
    boxes: np.ndarray, scores: np.ndarray, score_threshold: float, nms_threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Suppress overlapping boxes, class by class; a box can stay for several classes.

    Args:
        boxes: [N, 4] corners.
        scores: [N, C].
        score_threshold: A (box, class) at or below it is left out.
        nms_threshold: Of two boxes of one class with a larger intersection over union, the weaker is left out.

    Returns:
        Corners [K, 4] float64, class [K], score [K] float32; the highest score first.
    """
    box, of_class = np.nonzero(scores > score_threshold)
    score = scores[box, of_class].astype(np.float32)
    if not len(box):
        return np.empty((0, 4)), of_class, score
    corners = boxes[box].astype(np.float64)
    # OpenCV tells classes apart by moving each to a place of its own, which works from zero upwards.
    sized = corners - [*corners[:, :2].min(0)] * 2
    sized[:, 2:] -= sized[:, :2]
    # OpenCV takes arrays as well as the lists that its type hints name.
    kept = cv2.dnn.NMSBoxesBatched(sized, score, of_class, score_threshold, nms_threshold)  # pyright: ignore[reportArgumentType]
    kept = np.asarray(kept, np.int64)
    kept = kept[np.lexsort((box[kept], of_class[kept], -score[kept]))]
    return corners[kept], of_class[kept], score[kept]
