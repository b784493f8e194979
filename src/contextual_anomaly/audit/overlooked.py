"""Objects that were forgotten: detections that no annotation accounts for, judged by detector and context together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from contextual_anomaly.audit.box_pairs import SAME_OBJECT, Context, largest, pairs
from contextual_anomaly.stats.log_odds import logit

NEAR = 0.3
"""A detection that overlaps an object of its class more is of that object, if badly placed."""


@dataclass(frozen=True)
class Missing:
    """Of D detections."""

    candidate: np.ndarray  # [D] bool: no annotation accounts for it
    score: np.ndarray  # [D] probability that such a detection is of an object
    expected: np.ndarray  # [D] of its class by context; NaN where the context model does not know the class


def judge_detections(
    objects: pd.DataFrame,
    counts: np.ndarray,
    detections: pd.DataFrame,
    image: np.ndarray,
    column: np.ndarray,
    context: Context | None,
    fold: np.ndarray,
) -> Missing:
    """How likely each detection is of an object, by a regression that was fitted on other images.

    A detection is right where it overlaps an annotated object of its class by half. It learns from the annotations that
    it judges, but from those of other images, and some forgotten objects among very many do not matter.

    Args:
        objects: all annotated objects, crowds among them, sorted by image_id: image_id, category_id, x, y, width,
            height, iscrowd.
        counts: [N, C] annotated objects of each image and class.
        detections: D boxes: image_id, category_id, score, x, y, width, height.
        image: [D] row in ``counts``.
        column: [D] class, -1 where the context model does not know it.
        context: None leaves context out.
        fold: [D] of the detection's image.
    """
    pair = pairs(detections, objects)
    same = detections["category_id"].to_numpy()[pair.first] == objects["category_id"].to_numpy()[pair.second]
    crowd = objects["iscrowd"].to_numpy()[pair.second]
    size = len(detections)
    own = largest(size, pair.first[same & ~crowd], pair.union[same & ~crowd])
    other = largest(size, pair.first[~same], pair.union[~same])
    in_crowd = largest(size, pair.first[same & crowd], pair.inside[same & crowd]) >= SAME_OBJECT
    right = own >= SAME_OBJECT
    # In the place of an object of another class it is a question of the label.
    candidate = (own < NEAR) & (other < SAME_OBJECT) & ~in_crowd

    known = column >= 0
    expected = np.full(size, np.nan, np.float32)
    # Others of the class: the object that a right detection is of does not tell that it is right.
    others = np.maximum(np.where(known, counts[image, column].astype(int), 0) - right, 0)
    parts = [logit(detections["score"]), np.log1p(others)]
    if context is not None:
        expected[known] = context.predict_proba(counts > 0)[image[known], column[known]]
        # A class that the context model does not know is expected as often as not.
        parts += [np.where(known, logit(np.nan_to_num(expected, nan=0.5)), 0)]
        parts += [np.where(known, logit(context.frequency)[column], 0)]
    evidence = np.stack(parts, 1)
    score = np.zeros(size)
    teaches = (right | (own < NEAR)) & ~in_crowd
    with threadpool_limits(1):
        for k in np.unique(fold):
            others = teaches & (fold != k)
            if not right[others].any() or right[others].all():
                continue
            fit = LogisticRegression(max_iter=1000).fit(evidence[others], right[others])
            score[fold == k] = fit.predict_proba(evidence[fold == k])[:, 1]
    return Missing(candidate, score, expected)
