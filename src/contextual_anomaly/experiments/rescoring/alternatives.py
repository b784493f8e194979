"""Boxes once more under the classes that they are likely to have instead: detections that the detector did not give.

A detector that is cut at a score, or that suppresses boxes across classes, gives each object one class. Where that class is
wrong the object is lost; under the right class it is found, if further down the ranking.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.experiments.rescoring.box_features import Boxes
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import SAME_OBJECT
from contextual_anomaly.stats.log_odds import logit

PER_BOX = 3
"""Other classes of each box."""

OF_CONTEXT = 0.5
"""Weight of the object model's log-probability beside that of the confusion, in the choice of classes."""

TAKEN = 0.6
"""A box that overlaps another one of a class so much is not given that class again."""

OVERLAPPING = 0.3
"""Classes with a box of a larger overlap are counted."""

SMOOTHING = 0.1
"""Objects that are added to the count of each class, in proportion to how frequent it is."""


@dataclass(frozen=True)
class Alternatives:
    """A hypotheses: a box under another class."""

    box: Int[np.ndarray, " A"]  # the row of the box
    column: Int[np.ndarray, " A"]  # the class
    features: Float[np.ndarray, "A F"]


def confusions(
    boxes: Boxes, objects: Boxes, classes: int, fold: Int[np.ndarray, " N"]
) -> Float[np.ndarray, "folds C C"]:
    """Return log P(an object of another class is where a box is), for each class of box and of object, without each fold.

    Args:
        boxes: the detector's.
        objects: the annotated ones, without crowds.
        classes: their number.
        fold: [N] of each image.
    """
    pairs = box_pairs(boxes.frame(), objects.frame())
    given, true = boxes.column[pairs.first], objects.column[pairs.second]
    wrong = (pairs.iou > SAME_OBJECT) & (given != true)
    of_pair, of_box = fold[boxes.image[pairs.first]], fold[boxes.image]
    frequency = (np.bincount(objects.column, minlength=classes) + 1) / (len(objects.column) + classes)
    result = np.empty((int(fold.max()) + 1, classes, classes))
    for k in range(len(result)):
        found = wrong & (of_pair != k)
        counts = np.zeros((classes, classes))
        np.add.at(counts, (given[found], true[found]), 1)
        number = np.bincount(boxes.column[of_box != k], minlength=classes)
        result[k] = np.log((counts + SMOOTHING * frequency) / (number[:, None] + 1))
    return result


def alternatives(
    boxes: Boxes,
    confusion: Float[np.ndarray, "D C"],
    log_probability: Float[np.ndarray, "D C"] | None,
    overlap: Float[np.ndarray, "D C"],
) -> Alternatives:
    """Return the likeliest other classes of each box.

    Args:
        boxes: the detector's.
        confusion: [D, C] log-probability of each class where a box has the class that it has.
        log_probability: [D, C] of each class by an object model, given the box and the other boxes; None without one.
        overlap: [D, C] with the other boxes of each class.
    """
    rows = np.arange(len(boxes.column))
    unknown = -np.log(confusion.shape[1])  # as likely as any
    context = np.full(confusion.shape, unknown)
    if log_probability is not None:
        context = np.nan_to_num(log_probability, nan=unknown)
    value = confusion + OF_CONTEXT * context
    value[overlap > TAKEN] = -np.inf
    value[rows, boxes.column] = -np.inf
    number = min(PER_BOX, value.shape[1] - 1)
    # By value, of equal ones by class.
    chosen = np.argsort(-value, axis=1, kind="stable")[:, :number]
    box, column = np.repeat(rows, number), chosen.ravel()
    possible = np.isfinite(value[box, column])
    box, column = box[possible], column[possible]
    cells = boxes.image * value.shape[1]
    strongest = largest(int(cells.max(initial=0)) + value.shape[1], cells + boxes.column, boxes.score)
    width, height = boxes.corners[box, 2:].astype(np.float64).T
    features = [
        logit(boxes.score[box]),
        boxes.column[box],
        column,
        confusion[box, column],
        context[box, column],
        context[box, boxes.column[box]],
        value[box, column],
        overlap[box, column],
        overlap.max(1)[box],
        (overlap > OVERLAPPING).sum(1)[box],
        strongest[cells[box] + column],
        np.log(width * height) / 2,
        np.log(width / height),
    ]
    return Alternatives(box, column, np.stack(features, 1))
