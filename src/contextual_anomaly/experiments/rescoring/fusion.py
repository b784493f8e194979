"""Detector and context fused: logistic regressions of their log-odds, fitted on other images than they are applied to.

A detector looks at pixels and context at the other classes, so that Bayes' rule would add their log-odds, and take the
class's prior, which is in both, away once. Neither is calibrated and they are not independent; the regression finds
their weights.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.stats.log_odds import expit, logit

ROUNDS = 2
"""Context is read from calibrated confidences, then once more from the fused ones."""


@dataclass(frozen=True)
class Fused:
    """Of N images and C classes, each image judged by what was fitted without its fold."""

    calibrated: np.ndarray  # [N, C] probability by detector and class frequency
    expected: np.ndarray  # [N, C] by context, each class from all the others
    fused: np.ndarray  # [N, C] probability by all three
    weights: np.ndarray  # [folds, 4] of detector, context, prior, and the intercept


def fuse(
    score: np.ndarray,
    annotated: np.ndarray,
    frequency: np.ndarray,
    judge: ContextModel,
    variant: int,
    fold: np.ndarray,
) -> Fused:
    """Fit and apply, fold by fold.

    Args:
        score: [N, C] the detector's confidences.
        annotated: [N, C] bool.
        frequency: [C] share of training scenes that hold each class.
        judge: a model whose expectation of a class does not look at the class itself.
        variant: which of its variants judges.
        fold: [N].

    Raises:
        UserError: too little is annotated to learn from.
    """
    detector = logit(score)
    prior = np.broadcast_to(logit(frequency), score.shape)
    shape = (int(fold.max()) + 1, *score.shape)
    for k in range(shape[0]):
        if not annotated[fold != k].any():
            raise UserError("no image outside of one fold has an annotated class: give more annotated images.")
    calibrated, expected, fused = (np.empty(score.shape, np.float32) for _ in range(3))
    weights = []
    # BLAS rounds differently on several cores.
    with threadpool_limits(1):
        first = [_fit(fold != k, annotated, detector, prior) for k in range(shape[0])]
        evidence = np.stack([_apply(fit, detector, prior) for fit in first])
        for k in range(shape[0]):
            calibrated[fold == k] = evidence[k, fold == k]
        for _ in range(ROUNDS):
            context = judge.predict_proba(evidence.reshape(-1, shape[2]).astype(np.float32))[variant].reshape(shape)
            fits = [_fit(fold != k, annotated, detector, logit(context[k]), prior) for k in range(shape[0])]
            evidence = np.stack([_apply(fit, detector, logit(context[k]), prior) for k, fit in enumerate(fits)])
        for k, fit in enumerate(fits):
            expected[fold == k], fused[fold == k] = context[k, fold == k], evidence[k, fold == k]
            weights.append([*fit.coef_[0], *fit.intercept_])
    return Fused(calibrated, expected, fused, np.array(weights))


def _fit(rows: np.ndarray, annotated: np.ndarray, *evidence: np.ndarray) -> LogisticRegression:
    seen = np.stack([part[rows].ravel() for part in evidence], 1)
    return LogisticRegression(max_iter=1000).fit(seen, annotated[rows].ravel())


def _apply(fit: LogisticRegression, *evidence: np.ndarray) -> np.ndarray:
    seen = np.stack([part.ravel() for part in evidence], 1)
    return fit.predict_proba(seen)[:, 1].reshape(evidence[0].shape)


def fuse_boxes(
    score: np.ndarray, lift: np.ndarray, right: np.ndarray, counts: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Confidences of D boxes from the detector's, and from what context makes of the class in the image.

    Fitted to the share of COCO's ten overlaps at which a box is right: a ranking by that share has the best average
    precision (Barnea and Ben-Shahar 2019 rank by the ratio of true to false positives).

    Args:
        score: [D] of the detector.
        lift: [D] by how much context raises the log-odds of the box's class in its image.
        right: [D] share of overlaps at which the box is right.
        counts: [D] share of overlaps at which it is right or wrong, not ignored.
        fold: [D] of the box's image.

    Returns:
        [D] float32; boxes of a fold for whose others nothing is right keep their confidence.
    """
    seen = np.stack([logit(score), lift], 1)
    rescored = score.astype(np.float32)
    with threadpool_limits(1):
        for k in range(int(fold.max(initial=-1)) + 1):
            others, mine = fold != k, fold == k
            if not mine.any() or not right[others].any():
                continue
            # A box that is right at some overlaps is so much right, and the rest wrong.
            twice, weight = (
                np.concatenate([seen[others]] * 2),
                np.concatenate([right[others], (counts - right)[others]]),
            )
            truth = np.arange(len(twice)) < len(twice) // 2
            fit = LogisticRegression(max_iter=1000).fit(twice, truth, sample_weight=weight)
            # On the detector's own scale, so that boxes of different folds can be ranked together.
            of_detector, of_context = fit.coef_[0]
            if of_detector > 0:
                rescored[mine] = expit(seen[mine] @ [1, of_context / of_detector])
    return rescored
