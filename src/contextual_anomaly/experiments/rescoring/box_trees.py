"""Boosted trees that predict how good a box is, fitted on other images than they are applied to.

What is predicted is the share of COCO's ten overlaps at which a box is correct: a ranking by that share has the best average
precision, which averages over the same overlaps.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from contextual_anomaly.array_types import Float, Int, Real
from contextual_anomaly.errors import UserError

ITERATIONS, LEARNING_RATE = 100, 0.1
LEAVES, SMALLEST_LEAF = 16, 40
L2 = 5.0
BINS = 128
"""Values of a feature that the trees tell apart."""
DRAWN = 200_000
"""Of more boxes, scikit-learn takes the bins from so many that it draws."""
LEAST_OF_CLASS = 20
"""A class of fewer boxes weighs as if it had so many."""

LEAST_QUALITY = 1e-3
"""Times its score, the least quality that a box is given."""


def class_weights(column: Int[np.ndarray, " D"]) -> Float[np.ndarray, " D"]:
    """Return a weight for each box that falls with the root of the number of boxes of its class; 1 on average.

    COCO's AP is a mean over classes: without weights the trees would learn persons above all.
    """
    weight = 1 / np.sqrt(np.maximum(np.bincount(column, minlength=1), LEAST_OF_CLASS))[column]
    return weight / weight.mean() if len(weight) else weight


def cross_validated_quality(
    features: Real[np.ndarray, "D F"],
    correct: Real[np.ndarray, " D"],
    counted: Real[np.ndarray, " D"],
    column: Int[np.ndarray, " D"],
    fold: Int[np.ndarray, " D"],
    seed: int = 0,
) -> Float[np.ndarray, " D"]:
    """Return the predicted quality of each box, by trees that saw no image of its fold.

    Args:
        features: [D, F]; NaN where something is not known.
        correct: [D] share of overlaps at which the box is correct.
        counted: [D] share at which it is correct or wrong, not ignored.
        column: [D] class of each box.
        fold: [D] fold of the box's image.
        seed: of the trees.

    Raises:
        UserError: outside of one fold no box counts.
    """
    quality = np.divide(correct, counted, out=np.zeros(len(correct)), where=counted > 0)
    weight = counted * class_weights(column)
    result = np.zeros(len(correct))
    order = np.argsort(features, axis=0)
    with threadpool_limits(1):  # sums of several threads round differently
        for k in range(int(fold.max(initial=-1)) + 1):
            own, others = fold == k, (fold != k) & (weight > 0)
            if not own.any():
                continue
            if not others.any():
                raise UserError("no box outside of one fold can be right or wrong: give more annotated images.")
            trees = HistGradientBoostingRegressor(
                max_iter=ITERATIONS,
                learning_rate=LEARNING_RATE,
                max_leaf_nodes=LEAVES,
                min_samples_leaf=min(SMALLEST_LEAF, max(1, int(others.sum()) // 20)),
                l2_regularization=L2,
                max_bins=BINS,
                early_stopping=False,  # pyright: ignore[reportArgumentType]  # a boolean is allowed
                random_state=seed,
            )
            known = np.isfinite(features[others]).any(0)  # scikit-learn takes no column without a value
            inputs = features[:, known]
            if others.sum() <= DRAWN:
                inputs = _binned(inputs, order[:, known], weight * others)
            trees.fit(inputs[others], quality[others], sample_weight=weight[others])
            result[own] = trees.predict(inputs[own])
    return result


def _binned(
    features: Real[np.ndarray, "D F"], order: Int[np.ndarray, "D F"], weight: Float[np.ndarray, " D"]
) -> Float[np.ndarray, "D F"]:
    """Return the features, and of those with more than `BINS` values the numbers of their bins of weighted quantiles.

    Those are scikit-learn's own bins, and the trees the same. It sorts a feature anew for each of its bins, which takes ten
    times as long as the trees; of so few values it takes each for a bin.

    Args:
        features: [D, F]; NaN where something is not known.
        order: [D, F] rows by rising feature.
        weight: [D] of the boxes that the trees are fitted to, 0 of the others.
    """
    result = np.array(features, np.float64)
    for column in range(features.shape[1]):
        rows = order[:, column]
        rows = rows[(weight[rows] > 0) & ~np.isnan(features[rows, column])]
        values, mass = features[rows, column], weight[rows].cumsum()
        if np.count_nonzero(np.diff(values)) < BINS:
            continue
        wanted = np.linspace(0, 100, BINS + 1)[1:-1] / 100 * mass[-1]
        place = np.minimum(np.searchsorted(mass, wanted), len(values) - 1)
        after = np.minimum(place + 1, len(values) - 1)
        between = mass[place] - wanted <= np.finfo(np.float64).eps
        edges = np.unique(np.where(between, (values[place] + values[after]) / 2, values[place]))
        there = ~np.isnan(features[:, column])
        result[there, column] = np.searchsorted(edges, features[there, column])
    return result


def as_score(quality: Float[np.ndarray, " D"], score: Real[np.ndarray, " D"]) -> Float[np.ndarray, " D"]:
    """Return scores from 0 to 1 in the order of predicted quality; boxes of none at all in the order of their old score."""
    return np.clip(np.maximum(quality, LEAST_QUALITY * score), 0, 1)
