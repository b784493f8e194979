"""Objects that were overlooked: what a detector or context finds likely, and no annotation accounts for."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior, fit_logistic, probability_overlooked
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import SAME_OBJECT
from contextual_anomaly.stats.log_odds import logit

NEAR = 0.3
"""A detection that overlaps an object of its class more is of that object, if badly placed."""
CELLS = 1_000_000
"""Images times classes that the weights are fitted on at most."""


EVIDENCE = ("usual", "detector", "other boxes", "company")
"""What speaks for an overlooked object in a detection; "usual" is what is known before."""


@dataclass(frozen=True)
class Overlooked:
    """Of D detections."""

    candidate: np.ndarray  # [D] bool: no annotation accounts for it
    probability: np.ndarray  # [D] that there is an object which was overlooked, of those
    by_context: np.ndarray  # [D] of its class, that the image holds it; NaN where the context model does not know it
    error_rate: float  # share of objects that were overlooked, mean over the folds
    reasons: np.ndarray  # [D, E] what each of `EVIDENCE` adds to the log-odds of ``probability``


def judge_detections(
    objects: pd.DataFrame,
    counts: np.ndarray,
    detections: pd.DataFrame,
    image: np.ndarray,
    column: np.ndarray,
    context: Context | None,
    fold: np.ndarray,
    prior: ErrorPrior,
    checked: np.ndarray | None = None,
) -> Overlooked:
    """Judge each detection by a regression that was fitted on other images.

    A detection is right where it overlaps an annotated object of its class by half; a share of the objects is overlooked,
    so that their detections seem wrong.

    Args:
        objects: all annotated objects, crowds among them, sorted by image_id: image_id, category_id, x, y, width,
            height, iscrowd.
        counts: [N, C] annotated objects of each image and class.
        detections: D boxes: image_id, category_id, score, x, y, width, height.
        image: [D] row in ``counts``.
        column: [D] class, -1 where the context model does not know it.
        context: None leaves context out.
        fold: [D] of the detection's image.
        prior: of the share of objects that are overlooked.
        checked: [N, C] bool, whether annotators looked for the class in the image; None where they looked for all in all.
    """
    pair = box_pairs(detections, objects)
    same = detections["category_id"].to_numpy()[pair.first] == objects["category_id"].to_numpy()[pair.second]
    crowd = objects["iscrowd"].to_numpy()[pair.second]
    size = len(detections)
    own = largest(size, pair.first[same & ~crowd], pair.iou[same & ~crowd])
    other = largest(size, pair.first[~same], pair.iou[~same])
    in_crowd = largest(size, pair.first[same & crowd], pair.inside[same & crowd]) >= SAME_OBJECT
    right = own >= SAME_OBJECT
    # In the place of an object of another class it is a question of the label.
    apart = (other < SAME_OBJECT) & ~in_crowd
    looked_for = np.ones(size, bool) if checked is None else (column < 0) | checked[image, column]
    candidate = (own < NEAR) & apart & looked_for
    # Parts of an object and boxes around a group are not objects of their own.
    beside = same & ~crowd & (pair.iou < SAME_OBJECT)
    part = largest(size, pair.first[beside], pair.inside[beside])
    group = largest(size, pair.first[beside], pair.contains[beside])

    known = column >= 0
    by_context = np.full(size, np.nan)
    # Others of the class: the object that a right detection is of does not tell that it is right.
    others = np.maximum(np.where(known, counts[image, column].astype(int), 0) - right, 0)
    better = _better(detections)
    parts = [np.ones(size), logit(detections["score"]), np.log1p(others), part, group, better]
    start = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    evidence = [0, 1, 2, 2, 2, 2]
    if context is not None:
        odds = np.zeros(size)
        odds[known] = context.log_odds(counts > 0, np.arange(len(counts)))[image[known], column[known]]
        by_context[known] = expit(odds[known])
        # Of a class that the context model does not know, context says nothing.
        parts += [odds, np.where(known, context.base[column], 0)]
        start += [0.5, -0.5]
        evidence += [3, 3]
    features = np.stack(parts, 1)
    probability, reasons = np.zeros(size), np.zeros((size, len(EVIDENCE)))
    teaches = (right | candidate) & apart
    rates = []
    with threadpool_limits(1):
        for k in np.unique(fold):
            rows = np.flatnonzero(teaches & (fold != k))
            weights, error = fit_logistic(features[rows], right[rows], np.ones(len(rows)), np.array(start), prior)
            rates.append(error)
            judged = fold == k
            probability[judged] = probability_overlooked(expit(features[judged] @ weights), 1.0, error)
            # P / (1 - P) is the share of forgotten objects times the odds that the detection is right.
            reasons[judged, 0] += np.log(error)
            for place, added in zip(evidence, (features[judged] * weights).T, strict=True):
                reasons[judged, place] += added
    return Overlooked(candidate, probability, by_context, float(np.mean(rates)) if rates else prior.rate, reasons)


def _better(detections: pd.DataFrame) -> np.ndarray:
    """Return [D] how much a detection of a larger score covers of each one at most, whatever its class."""
    pair = box_pairs(detections, detections)
    score = detections["score"].to_numpy()
    better = (score[pair.second] > score[pair.first]) & (pair.first != pair.second)
    return largest(len(detections), pair.first[better], pair.iou[better])


def judge_absent(
    counts: np.ndarray,
    context: Context,
    fold: np.ndarray,
    prior: ErrorPrior,
    checked: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Judge each class that is not annotated in an image by context alone.

    A class is absent by mistake only if all its objects in the image were overlooked, so that those count of which an
    image mostly has one. How many are overlooked is the prior's rate: context alone cannot tell.

    Args:
        counts: [N, C] annotated objects of each image and class.
        context: the context model.
        fold: [N].
        prior: of the share of objects that are overlooked.
        checked: [N, C] bool, whether annotators looked for the class in the image; None where they looked for all in all.

    Returns:
        probability [N, C] that an object of the class was overlooked, 0 where the class is annotated or was not checked; [N, C] that the
        image holds the class, by context.
    """
    present = counts > 0
    odds = context.log_odds(present, np.arange(len(counts))).astype(np.float64)
    single = ((counts == 1).sum(0) + 1) / (present.sum(0) + 1)  # [C] of the images that hold the class
    probability = np.zeros(counts.shape)
    with threadpool_limits(1):
        for k in np.unique(fold):
            others, judged = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            others = others[:: max(1, len(others) * counts.shape[1] // CELLS)]
            teaches = np.ones((len(others), counts.shape[1]), bool) if checked is None else checked[others]
            row, column = np.nonzero(teaches)
            features = np.stack([np.ones(len(row)), odds[others[row], column], context.base[column]], -1)
            start = np.array([0.0, 1.0, 0.0])
            weights, error = fit_logistic(features, present[others][teaches], single[column], start, prior, known=True)
            there = expit(weights[0] + weights[1] * odds[judged] + weights[2] * context.base)
            probability[judged] = probability_overlooked(there, single, error)
    probability[present] = 0
    if checked is not None:
        probability[~checked] = 0
    return probability, expit(odds)
