"""Non-maximum suppression against a plain loop over pairs."""

import numpy as np
import pytest
from pycocotools import mask

from contextual_anomaly.detection.suppression import box_non_max_suppression


def _by_hand(boxes, scores, score_threshold, nms_threshold):
    """Greedy, one class after another; overlaps from pycocotools."""
    sized = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = set()
    for c in range(scores.shape[1]):
        stay = []
        for i in np.argsort(-scores[:, c], kind="stable"):
            if scores[i, c] <= score_threshold:
                break
            if not stay or mask.iou(sized[[i]], sized[stay], [0] * len(stay)).max() <= nms_threshold:
                stay.append(i)
        kept |= {(int(i), c) for i in stay}
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_the_same_boxes_stay_as_in_a_loop(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-40, 120, (120, 2))  # some beyond the image's edges
    boxes = np.hstack([corner, corner + rng.uniform(20, 90, (120, 2))])
    scores = (rng.uniform(0, 1, (120, 4)) ** 3).astype(np.float32)
    corners, of_class, score = box_non_max_suppression(boxes, scores, 0.2, 0.45)
    index = {tuple(box): i for i, box in enumerate(boxes)}
    found = {(index[tuple(c)], int(k)) for c, k in zip(corners, of_class, strict=True)}
    assert found == _by_hand(boxes, scores, 0.2, 0.45)
    assert len(found) == len(score) > 10
    assert (np.diff(score) <= 0).all()


def test_nothing_above_the_threshold_is_nothing():
    corners, of_class, score = box_non_max_suppression(np.zeros((3, 4)), np.full((3, 2), 0.1, np.float32), 0.5, 0.5)
    assert corners.shape == (0, 4)
    assert len(of_class) == len(score) == 0
