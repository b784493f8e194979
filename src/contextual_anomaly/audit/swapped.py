"""Annotations under a wrong label: which class would detector and context give to the object?

Every annotated object is a choice among the classes (a conditional logit, McFadden 1974) by what the detector sees in
its box, what the other objects of the image let expect, how many others of the class there are, and how common it is.
Doubt is the normalised margin of confident learning (Northcutt et al. 2021): half of one minus the probability of the
class annotated, plus that of the likeliest other one.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from contextual_anomaly.audit.box_pairs import SAME_OBJECT, Context, largest, pairs
from contextual_anomaly.stats.log_odds import logit

PENALTY = 1e-3
"""Of the squared weights, beside the mean loss of an object: keeps them finite where a class is always told right."""


@dataclass(frozen=True)
class Labels:
    """Of M annotated objects."""

    doubt: np.ndarray  # [M] 0 to 1
    suggested: np.ndarray  # [M] column of the likeliest other class
    confidence: np.ndarray  # [M] the detector's in what is suggested, 0 without
    expected: np.ndarray  # [M, C] of each class by context, from the image's other objects


def doubt_labels(
    objects: pd.DataFrame,
    counts: np.ndarray,
    image: np.ndarray,
    column: np.ndarray,
    context: Context | None,
    detections: pd.DataFrame | None,
    detected_column: np.ndarray | None,
    fold: np.ndarray,
) -> Labels:
    """Predictor each object by weights that were fitted on the objects of other images.

    Args:
        objects: M annotated objects: image_id, x, y, width, height.
        counts: [N, C] annotated objects of each image and class.
        image: [M] row in ``counts`` of each object.
        column: [M] its class.
        context: None leaves context out.
        detections: boxes, sorted by image_id, with their score; None leaves the detector out.
        detected_column: [D] class of each detection, -1 where the context model does not know it.
        fold: [M] of the object's image.
    """
    rows = np.arange(len(objects))
    others = counts[image].astype(np.int32)
    others[rows, column] -= 1
    parts = [np.log1p(others)]
    expected = np.full(others.shape, np.nan, np.float32)
    if context is not None:
        expected = context.predict_proba(others > 0)
        parts += [logit(expected), np.broadcast_to(logit(context.frequency), others.shape)]
    seen = np.zeros(others.shape)
    if detections is not None:
        pair = pairs(objects, detections)
        found, same = detected_column[pair.second], pair.union >= SAME_OBJECT
        own = same & (found == column[pair.first])
        # A detection of an object of its own class says nothing about another one in the same place.
        accounted = largest(len(detections), pair.second[own], pair.union[own]) > 0
        known = same & (found >= 0) & (own | ~accounted[pair.second])
        at = pair.first[known], detected_column[pair.second[known]]
        np.maximum.at(seen, at, detections["score"].to_numpy()[pair.second[known]])
        parts.append(logit(seen))
    evidence = np.stack(parts, -1)
    probability = np.empty(others.shape)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        for k in np.unique(fold):
            weights = _fit(evidence[fold != k], column[fold != k])
            probability[fold == k] = softmax(evidence[fold == k] @ weights, axis=1)
    own = probability[rows, column]
    probability[rows, column] = -1
    suggested = probability.argmax(1)
    doubt = (1 - own + probability[rows, suggested]) / 2
    return Labels(doubt, suggested, seen[rows, suggested], expected)


def _fit(evidence: np.ndarray, column: np.ndarray) -> np.ndarray:
    """[F] weights of the largest likelihood of the classes ``column`` [M], given evidence [M, C, F]."""
    rows, features = np.arange(len(column)), evidence.shape[2]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = evidence @ weights
        chosen = softmax(logits, axis=1)
        chosen[rows, column] -= 1
        slope = np.einsum("mc,mcf->f", chosen, evidence) / max(len(rows), 1)
        value = -log_softmax(logits, axis=1)[rows, column].sum() / max(len(rows), 1)
        return value + PENALTY * (weights @ weights), slope + 2 * PENALTY * weights

    return minimize(loss, np.full(features, 0.5), jac=True, method="L-BFGS-B").x
