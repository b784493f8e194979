"""Detector and context fused: logistic regressions of their log-odds, fitted on other images than they are applied to.

A detector looks at pixels and context at the other classes, so that Bayes' rule would add their log-odds, and subtract the
class's prior, which is in both, once. Neither is calibrated and they are not independent; the regression finds their
weights.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from contextual_anomaly.array_types import Bool, Float, Float32, Int, Real
from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.rescoring.box_matches import BoxMatcher
from contextual_anomaly.experiments.rescoring.detected_presence import DetectedPresence
from contextual_anomaly.models.base import ContextModel, require_conditional, variant_index
from contextual_anomaly.stats.folds import assign_folds
from contextual_anomaly.stats.log_odds import expit, logit

PASSES = 2
"""Context is computed from calibrated scores first, then once more from the fused ones."""


@dataclass(frozen=True)
class Fusion:
    """Probabilities for N images and C classes, each image by what was fitted without its fold."""

    calibrated: np.ndarray  # [N, C] by detector and class frequency
    probability: np.ndarray  # [N, C] by context, each class from all the others
    fused: np.ndarray  # [N, C] by all three
    weights: np.ndarray  # [folds, 4] of detector, context, prior, and the intercept


@dataclass(frozen=True)
class FusionResults:
    """What `run` returns."""

    presence: pd.DataFrame
    """Rows of `schemas.FUSED_PRESENCE`."""
    boxes: pd.DataFrame
    """Rows of `schemas.RESCORED_BOXES`."""
    weights: np.ndarray
    """[4] of the log-odds of detector, context and prior, and the intercept; means over the folds."""


def run(
    model: ContextModel,
    presence: DetectedPresence,
    frequency: Float[np.ndarray, " C"],
    boxes: pd.DataFrame,
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    bottleneck: int = 64,
    n_folds: int = 5,
    seed: int = 0,
) -> FusionResults:
    """Fuse a detector's scores with context, for classes of images and for boxes.

    Args:
        model: a context model whose answer for a class does not depend on that class.
        presence: scores and annotations over the model's classes.
        frequency: [C] share of training scenes that hold each class.
        boxes: columns of `tables.DETECTIONS`, of the same images.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        bottleneck: of a sweep, the variant to use.
        n_folds: parts of the images for cross-validation.
        seed: of the division into folds.

    Raises:
        UserError: the model looks at the class itself, or too few images are annotated.
    """
    variant = variant_index(model, bottleneck)
    # A model that sees the class itself would count the detector twice.
    require_conditional(model, variant, "rescoring.fusion_model")
    fold = assign_folds(len(presence.image_ids), n_folds, seed)
    fusion = fuse(presence.score, presence.annotated, frequency, model, variant, fold)
    matches = BoxMatcher(annotations, categories, presence.image_ids).match(boxes)
    # Of a class that the context model does not know, context says nothing.
    lifts = np.pad(logit(fusion.fused) - logit(fusion.calibrated), ((0, 0), (0, 1)))
    lift = lifts[matches.image, pd.Index(presence.category_ids).get_indexer(pd.Index(boxes["category_id"]))]
    # In this order, so that the order of rows with equal scores changes nothing.
    order = matches.order
    correct, ignored = matches.correct.mean(0)[order], matches.ignored.mean(0)[order]
    rescored = np.empty(len(boxes), np.float32)
    rescored[order] = fuse_boxes(matches.score[order], lift[order], correct, 1 - ignored, fold[matches.image[order]])
    return FusionResults(
        presence.cells(calibrated=fusion.calibrated, probability=fusion.probability, fused=fusion.fused),
        boxes.assign(lift=lift.astype(np.float32), rescored=rescored),
        fusion.weights.mean(0),
    )


def fuse(
    score: Float[np.ndarray, "N C"],
    annotated: Bool[np.ndarray, "N C"],
    frequency: Float[np.ndarray, " C"],
    model: ContextModel,
    variant: int,
    fold: Int[np.ndarray, " N"],
) -> Fusion:
    """Fit and apply the regressions, fold by fold.

    Args:
        score: [N, C] the detector's scores.
        annotated: [N, C] bool.
        frequency: [C] share of training scenes that hold each class.
        model: a context model whose answer for a class does not depend on that class.
        variant: index of its variant.
        fold: [N] fold of each image.

    Raises:
        UserError: too few classes are annotated to learn from.
    """
    detector = logit(score)
    prior = np.broadcast_to(logit(frequency), score.shape)
    shape = (int(fold.max()) + 1, *score.shape)
    for k in range(shape[0]):
        if not annotated[fold != k].any():
            raise UserError("no image outside of one fold has an annotated class: give more annotated images.")
    calibrated, probability, fused = (np.empty(score.shape, np.float32) for _ in range(3))
    weights = []
    # BLAS rounds differently on several cores.
    with threadpool_limits(1):
        first = [_fit(fold != k, annotated, detector, prior) for k in range(shape[0])]
        presence = np.stack([_apply(fit, detector, prior) for fit in first])
        for k in range(shape[0]):
            calibrated[fold == k] = presence[k, fold == k]
        context, fits = presence, first
        for _ in range(PASSES):
            given = presence.reshape(-1, shape[2]).astype(np.float32)
            context = model.predict_proba(given)[variant].reshape(shape)
            fits = [_fit(fold != k, annotated, detector, logit(context[k]), prior) for k in range(shape[0])]
            presence = np.stack([_apply(fit, detector, logit(context[k]), prior) for k, fit in enumerate(fits)])
        for k, fit in enumerate(fits):
            probability[fold == k], fused[fold == k] = context[k, fold == k], presence[k, fold == k]
            weights.append(np.append(fit.coef_[0], fit.intercept_))
    return Fusion(calibrated, probability, fused, np.array(weights))


def _fit(rows: np.ndarray, annotated: np.ndarray, *log_odds: np.ndarray) -> LogisticRegression:
    features = np.stack([part[rows].ravel() for part in log_odds], 1)
    return LogisticRegression(max_iter=1000).fit(features, annotated[rows].ravel())


def _apply(fit: LogisticRegression, *log_odds: np.ndarray) -> np.ndarray:
    features = np.stack([part.ravel() for part in log_odds], 1)
    return fit.predict_proba(features)[:, 1].reshape(log_odds[0].shape)


def fuse_boxes(
    score: Float[np.ndarray, " D"],
    lift: Float[np.ndarray, " D"],
    correct: Real[np.ndarray, " D"],
    counted: Real[np.ndarray, " D"],
    fold: Int[np.ndarray, " D"],
) -> Float32[np.ndarray, " D"]:
    """Return new scores of D boxes from the detector's, and from what context makes of the class in the image.

    Fitted to the share of COCO's ten overlaps at which a box is correct: a ranking by that share has the best average
    precision (Barnea and Ben-Shahar 2019 rank by the ratio of true to false positives).

    Args:
        score: [D] of the detector.
        lift: [D] how much context raises the log-odds of the box's class in its image.
        correct: [D] share of overlaps at which the box is correct.
        counted: [D] share of overlaps at which it is correct or wrong, not ignored.
        fold: [D] fold of the box's image.

    Returns:
        [D] float32; boxes of a fold outside of which nothing is correct keep their score.
    """
    features = np.stack([logit(score), lift], 1)
    rescored = score.astype(np.float32)
    with threadpool_limits(1):
        for k in range(int(fold.max(initial=-1)) + 1):
            others, own = fold != k, fold == k
            if not own.any() or not correct[others].any():
                continue
            # Each box is a positive example with one weight and a negative example with the other.
            twice = np.concatenate([features[others]] * 2)
            weight = np.concatenate([correct[others], (counted - correct)[others]])
            truth = np.arange(len(twice)) < len(twice) // 2
            fit = LogisticRegression(max_iter=1000).fit(twice, truth, sample_weight=weight)
            # On the detector's own scale, so that boxes of different folds can be ranked together.
            of_detector, of_context = fit.coef_[0]
            if of_detector > 0:
                rescored[own] = expit(features[own] @ [1, of_context / of_detector])
    return rescored
