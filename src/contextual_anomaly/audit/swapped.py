"""Annotations under a wrong label: how likely is the label that an object bears, by context, box and detector?

Each annotated object is a choice among the classes (a conditional logit, McFadden 1974) by what the other objects of the
image make likely, how many of them are of the class, how large the box is and where, what the detector sees in it, and
how common the class is. That a label is one of many plausible ones is no error: it is wrong where a label that was taken
at random would explain it better than the right one does, as Bayes' rule has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from threadpoolctl import threadpool_limits

from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior, fit_conditional_logit, probability_wrong
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import BOX, SAME_OBJECT
from contextual_anomaly.stats.log_odds import logit

CELLS = 2_000_000
"""Objects times classes at a time: bounds the arrays to some 100 MB, and what the weights are fitted on."""


EVIDENCE = ("frequency", "number in the image", "box", "company", "detector")
"""What speaks for one label rather than another."""


@dataclass(frozen=True)
class Swapped:
    """Of M annotated objects."""

    probability: np.ndarray  # [M] that the label is wrong
    predicted: np.ndarray  # [M] column of the likeliest other class
    odds: np.ndarray  # [M] how many times likelier that is than the given one
    detector_score: np.ndarray  # [M] the detector's for the predicted class, 0 without
    given_by_context: np.ndarray  # [M] probability that the image holds the given class, given its other objects
    predicted_by_context: np.ndarray  # [M] the same of the predicted class
    error_rate: float  # share of wrong labels, mean over the folds
    log_likelihood: np.ndarray  # [M] of the given label, nats
    reasons: np.ndarray  # [M, E] what each of `EVIDENCE` adds to the logarithm of ``odds``


@dataclass(frozen=True)
class Objects:
    """M annotated objects with what is known of them, and of the images that they are in.

    Attributes:
        counts: [N, C] annotated objects of each image and class.
        image, column: [M] row and column in ``counts``.
        shape: [M, G] of the box, NaN where unknown: see `box_shape`.
        fold: [M] of the object's image.
        trusted: [N, C] those of ``counts`` that are evidence for objects of other classes.
        company: gives [M, C] log P(class of each object | its box, the others) of a model of objects, given [M] how certain
            the labels are; None without such a model.
        certainty: [M] of the labels.
    """

    counts: np.ndarray
    image: np.ndarray
    column: np.ndarray
    shape: np.ndarray
    fold: np.ndarray
    trusted: np.ndarray
    company: Callable[[np.ndarray], np.ndarray] | None = None
    certainty: np.ndarray | None = None

    def parts(self) -> Iterator[np.ndarray]:
        """Yield the rows of the objects in pieces that fit into memory."""
        step = max(1, CELLS // self.counts.shape[1])
        for start in range(0, len(self.column), step):
            yield np.arange(start, min(start + step, len(self.column)))


def box_shape(objects: pd.DataFrame, images: pd.DataFrame) -> np.ndarray:
    """Return [M, 3]: log of the share of the image's area, log of width by height, and how far down the centre is.

    NaN where an object has no box or the size of its image is not known.
    """
    size = images.set_index("image_id")[["width", "height"]].reindex(objects["image_id"]).to_numpy(np.float64)
    _, y, width, height = objects[BOX].to_numpy(np.float64).T
    with np.errstate(invalid="ignore", divide="ignore"):
        share = width * height / size.prod(1)
        shape = np.column_stack([np.log(share) / 2, np.log(width / height), (y + height / 2) / size[:, 1]])
    shape[~np.isfinite(shape).all(1)] = np.nan
    return shape


def judge_labels(
    objects: Objects, context: Context | None, seen: tuple[np.ndarray, np.ndarray, np.ndarray] | None, prior: ErrorPrior
) -> Swapped:
    """Judge each object, first by all other objects of its image, then by those whose labels seem right.

    Arguments as of `_judge`.
    """
    first = _judge(objects, context, seen, prior)
    doubted = first.probability >= 0.5
    if not doubted.any():
        return first
    trusted = objects.counts.copy()
    np.subtract.at(trusted, (objects.image[doubted], objects.column[doubted]), 1)
    return _judge(replace(objects, trusted=trusted, certainty=1 - first.probability), context, seen, prior)


def _judge(
    objects: Objects, context: Context | None, seen: tuple[np.ndarray, np.ndarray, np.ndarray] | None, prior: ErrorPrior
) -> Swapped:
    """Judge each object by weights that were fitted on the objects of other images.

    Args:
        objects: M annotated objects.
        context: None leaves context out.
        seen: object, class and score of what a detector sees in the objects' places; None leaves the detector out.
        prior: of the share of wrong labels.
    """
    size, classes = len(objects.column), objects.counts.shape[1]
    result = {name: np.zeros(size) for name in ("probability", "odds", "score", "given", "other", "likelihood")}
    predicted, reasons = np.zeros(size, np.intp), np.zeros((size, len(EVIDENCE)))
    rates = []
    company = None
    if objects.company is not None:
        company = objects.company(np.ones(size) if objects.certainty is None else objects.certainty)
    start, evidence = _start(context is not None, company is not None, seen is not None)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        for k in np.unique(objects.fold):
            fitted_on = np.flatnonzero(objects.fold != k)
            step = max(1, len(fitted_on) * classes // CELLS)
            common = (np.bincount(objects.column[fitted_on], minlength=classes) + 0.5) / (len(fitted_on) + classes / 2)
            shapes = _Shapes(objects.shape[fitted_on], objects.column[fitted_on], classes)
            some = fitted_on[::step]
            features, _ = _features(objects, some, context, company, seen, common, shapes)
            weights, error = fit_conditional_logit(features, objects.column[some], common, start, prior)
            rates.append(error)
            for part in objects.parts():
                rows = part[objects.fold[part] == k]
                if not len(rows):
                    continue
                features, there = _features(objects, rows, context, company, seen, common, shapes)
                right = softmax(features @ weights, axis=1)
                index, given = np.arange(len(rows)), objects.column[rows]
                own = right[index, given]
                result["probability"][rows] = probability_wrong(own, common[given], error)
                result["likelihood"][rows] = np.log((1 - error) * own + error * common[given])
                right[index, given] = -1
                other = predicted[rows] = right.argmax(1)
                result["odds"][rows] = right[index, other] / np.maximum(own, 1e-300)
                speaking = weights * (features[index, other] - features[index, given])
                for place, column in zip(evidence, speaking.T, strict=True):
                    reasons[rows, place] += column
                result["given"][rows], result["other"][rows] = there[index, given], there[index, other]
    if seen is not None:
        at, column, score = seen
        chosen = predicted[at] == column
        result["score"] = largest(size, at[chosen], score[chosen])
    return Swapped(
        result["probability"],
        predicted,
        result["odds"],
        result["score"],
        result["given"],
        result["other"],
        float(np.mean(rates)) if rates else prior.rate,
        result["likelihood"],
        reasons,
    )


def _start(context: bool, company: bool, detector: bool) -> tuple[np.ndarray, list[int]]:
    """Return the weights where the data say nothing, each kind of evidence counts as it is; and the place in `EVIDENCE` of each.

    What a model of objects says contains frequency, company and box.
    """
    alone = [1.0 - context, 0.5, 0.0, 1.0] + [1.0, 0.0] * context
    weights = [0.0] * len(alone) + [1.0] if company else alone
    evidence = [0, 1, 1, 2] + [3, 3] * context + [3] * company + [4] * detector
    return np.array(weights + [1.0] * detector), evidence


def _features(objects: Objects, rows: np.ndarray, context, company, seen, common: np.ndarray, shapes: "_Shapes"):
    """Return features [m, C, F] of some objects, and [m, C] by context the probability that the image holds each class."""
    index, given = np.arange(len(rows)), objects.column[rows]
    others = objects.trusted[objects.image[rows]].astype(np.int32)
    others[index, given] = objects.counts[objects.image[rows], given].astype(np.int32) - 1
    parts = [
        np.broadcast_to(np.log(common), others.shape),
        np.log1p(others),
        others > 0,
        shapes.log_likelihood(objects.shape[rows]),
    ]
    there = np.full(others.shape, np.nan, np.float32)
    if context is not None:
        odds = context.log_odds(others > 0, objects.image[rows])
        there = expit(odds)
        # What the other classes say about one that the image holds anyhow counts by another weight.
        parts += [np.where(others > 0, 0, odds), np.where(others > 0, odds, 0)]
    if company is not None:
        parts.append(company[rows])
    if seen is not None:
        scores = np.zeros(others.shape)
        at, column, score = seen
        place = np.searchsorted(rows, at)
        known = np.flatnonzero((place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == at))
        np.maximum.at(scores, (place[known], column[known]), score[known])
        parts.append(logit(scores))
    return np.stack(parts, -1, dtype=np.float64), there


class _Shapes:
    """How large the boxes of each class are and where: independent normal distributions, of rare classes near the whole."""

    STRENGTH = 5.0  # objects' worth of the distribution of all classes, added to that of each class
    LEAST = 1e-3  # variance

    def __init__(self, shape: np.ndarray, column: np.ndarray, classes: int) -> None:
        known = np.isfinite(shape).all(1)
        shape, column = shape[known], column[known]
        number = np.bincount(column, minlength=classes)[:, None] + self.STRENGTH
        mean, variance = (shape.mean(0), shape.var(0)) if len(shape) else (np.zeros(shape.shape[1]),) * 2
        first, second = (np.zeros((classes, shape.shape[1])) for _ in range(2))
        np.add.at(first, column, shape)
        self.mean = (first + self.STRENGTH * mean) / number
        np.add.at(second, column, (shape - self.mean[column]) ** 2)
        spread = second + self.STRENGTH * (variance + (mean - self.mean) ** 2)
        self.variance = np.maximum(spread / number, self.LEAST)

    def log_likelihood(self, shape: np.ndarray) -> np.ndarray:
        """Return [m, C] of boxes [m, G]; 0 for each class where the box is not known."""
        distance = (shape[:, None] - self.mean) ** 2 / self.variance + np.log(self.variance)
        return np.nan_to_num(-0.5 * distance.sum(2))


def detected_in_place(objects: pd.DataFrame, column: np.ndarray, detections: pd.DataFrame, detected: np.ndarray):
    """Return what a detector sees in the objects' places: rows of objects, classes and scores, one for each box.

    Args:
        objects: M annotated objects: image_id, x, y, width, height.
        column: [M] class of each.
        detections: boxes, sorted by image_id, with their score.
        detected: [D] class of each detection, -1 where the context model does not know it.
    """
    pair = box_pairs(objects, detections)
    found, same = detected[pair.second], pair.iou >= SAME_OBJECT
    own = same & (found == column[pair.first])
    # A detection of an object of its own class says nothing about another one in the same place.
    accounted = largest(len(detections), pair.second[own], pair.iou[own]) > 0
    known = same & (found >= 0) & (own | ~accounted[pair.second])
    return pair.first[known], found[known], detections["score"].to_numpy(np.float64)[pair.second[known]]
