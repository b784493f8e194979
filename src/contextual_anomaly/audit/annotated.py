"""Annotated objects that are spurious, badly placed or sized, or there twice.

Nobody knows which annotations of a data set are wrong, so the audit plants errors into copies of them, and learns what such
errors look like to the detector, in their company, and among the other boxes. How many there really are is then estimated from
the annotations as they are: the shares for which the probabilities add up to themselves (Saerens, Latinne and Decaestecker,
2002), with a prior.

The classifier is a sum of functions, one for each group of evidence (boosted trees that never look at two groups at once), so
that what the groups say adds up to the log-odds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.planting import OF_ANNOTATIONS, Planted
from contextual_anomaly.models.box_density import fit_box_density
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import BOX, SAME_OBJECT
from contextual_anomaly.stats.log_odds import logit

GROUPS = ("company", "box", "detector", "other annotations")
"""The groups of evidence, in the order of their contributions."""
RIGHT = ""
CLASSES = (RIGHT, *OF_ANNOTATIONS)
TREES, LEAVES, RATE = 60, 15, 0.1
LEAF = 20  # objects in a leaf of a tree at least, each counted once, so that few objects teach little
ROUNDS_OF = 4_000  # objects that are planted into at least, by planting several times where there are fewer
MOST_ROUNDS = 4
STEPS = 100  # of the estimate of how many errors there are


@dataclass(frozen=True)
class Evidence:
    """What is known of K annotated objects.

    Attributes:
        features: [K, F], NaN where something is not known.
        group: [F] the place of each feature's group in `GROUPS`.
        seen: [K, 4] the detector's box for the object that overlaps it most, NaN without.
        twin: [K] row of the object of the same class that overlaps it most, -1 without.
    """

    features: np.ndarray
    group: np.ndarray
    seen: np.ndarray
    twin: np.ndarray


def gather(
    objects: pd.DataFrame,
    scene_objects: SceneObjects,
    company: np.ndarray,
    detections: pd.DataFrame | None,
) -> Evidence:
    """Return what detector, boxes and company say about annotated objects.

    Args:
        objects: K annotated objects: image_id, category_id, x, y, width, height; sorted by image_id.
        scene_objects: the same objects.
        company: [K, N] what context says about the class of each, of any number of columns.
        detections: boxes of a detector, sorted by image_id; None without.
    """
    size = len(objects)
    parts = {"company": [company], "box": [], "detector": [], "other annotations": []}
    density = fit_box_density(scene_objects)
    spread = np.sqrt(np.diagonal(density.covariance, axis1=1, axis2=2))[scene_objects.column]
    parts["box"] += [density.log_density(scene_objects)[:, None], density.deviation(scene_objects) / spread]

    category = objects["category_id"].to_numpy()
    pair = box_pairs(objects, objects)
    other = pair.first != pair.second
    same = other & (category[pair.first] == category[pair.second])
    twin, overlap = _closest(size, pair.first[same], pair.second[same], pair.iou[same])
    parts["other annotations"] += [
        overlap[:, None],
        largest(size, pair.first[other & ~same], pair.iou[other & ~same])[:, None],
        largest(size, pair.first[same], pair.inside[same])[:, None],
        largest(size, pair.first[same], pair.contains[same])[:, None],
        np.log1p(np.bincount(pair.first[same], minlength=size))[:, None],
    ]

    seen = np.full((size, 4), np.nan)
    if detections is not None:
        pair = box_pairs(objects, detections)
        score = logit(detections["score"].to_numpy(np.float64))[pair.second]
        named = category[pair.first] == detections["category_id"].to_numpy()[pair.second]
        place, iou = _closest(size, pair.first[named], pair.second[named], pair.iou[named])
        at = pair.iou >= SAME_OBJECT
        found = place >= 0
        seen[found] = detections[BOX].to_numpy(np.float64)[place[found]]
        recall = _recall(category, iou >= SAME_OBJECT)
        area = np.log(np.maximum(objects[["width", "height"]].to_numpy(np.float64).prod(1), 1))
        own = np.full(size, np.nan)
        own[found] = logit(detections["score"].to_numpy(np.float64))[place[found]]
        strongest = [largest(size, pair.first[of & at], score[of & at], nothing=np.nan) for of in (named, ~named)]
        anything = largest(size, pair.first, pair.iou)
        parts["detector"] += [np.column_stack([iou, own, *strongest, anything, recall, area])]

    features = [np.concatenate(parts[name], axis=1) if parts[name] else np.zeros((size, 0)) for name in GROUPS]
    group = np.repeat(np.arange(len(GROUPS)), [part.shape[1] for part in features])
    return Evidence(np.concatenate(features, axis=1), group, seen, twin)


def _closest(size: int, at: np.ndarray, of: np.ndarray, iou: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return [size] which of the others overlaps each most, -1 where none does, and by how much."""
    order = np.lexsort((of, -iou, at))
    order = order[iou[order] > 0]
    first = order[np.unique(at[order], return_index=True)[1]]
    place, overlap = np.full(size, -1), np.zeros(size)
    place[at[first]], overlap[at[first]] = of[first], iou[first]
    return place, overlap


def _recall(category: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return [K] the share of the objects of each one's class that the detector finds, of rare classes near the whole."""
    _, column = np.unique(category, return_inverse=True)
    number = np.bincount(column)
    share = (np.bincount(column, found) + 10 * (found.mean() if len(found) else 0.5)) / (number + 10)
    return share[column]


@dataclass(frozen=True)
class JudgedObjects:
    """Of K annotated objects.

    Attributes:
        probability: [K, 5] of being right and of each of the kinds `OF_ANNOTATIONS`; each row adds up to 1.
        usual: [K, 5] log-odds of each kind against right of an object about which nothing is known but the share of errors.
        contributions: [K, 5, G] what each group of evidence adds; with ``usual`` they add up to the log-odds against right.
        rates: [5] shares of all objects, as estimated.
    """

    probability: np.ndarray
    usual: np.ndarray
    contributions: np.ndarray
    rates: np.ndarray


def judge_objects(
    evidence: Evidence,
    fold: np.ndarray,
    plant_again: Callable[[int], tuple[Planted, Evidence, np.ndarray]],
    prior: ErrorPrior,
    seed: int,
) -> JudgedObjects:
    """Judge each annotated object by what was learnt from errors planted into the objects of other images.

    Args:
        evidence: of the K objects as they are.
        fold: [K] of each one's image.
        plant_again: plants errors with a seed, and returns them with the evidence of the objects and the fold of each.
        prior: of the share of each kind of error.
        seed: of the planted errors.
    """
    size = len(fold)
    rounds = int(np.clip(-(-ROUNDS_OF // max(size, 1)), 1, MOST_ROUNDS))
    kinds, features, folds = [], [], []
    for number in range(rounds):
        planted, of_planted, of_folds = plant_again(seed + 1 + number)
        kind = planted.kind.copy()
        # Of two boxes around one object either may go.
        twins = np.isin(planted.objects["annotation_id"], planted.twin[planted.twin >= 0]) & (kind == RIGHT)
        kind[twins] = "duplicate"
        kinds.append(np.array([CLASSES.index(name) for name in kind], np.intp))
        features.append(of_planted.features)
        folds.append(of_folds)
    taught, inputs, taught_fold = np.concatenate(kinds), np.concatenate(features), np.concatenate(folds)
    raw = np.zeros((size, len(CLASSES)))
    contributions = np.zeros((size, len(CLASSES), len(GROUPS)))
    with threadpool_limits(1):
        for k in np.unique(fold):
            rows, judged = np.flatnonzero(taught_fold != k), np.flatnonzero(fold == k)
            usual, added = _fit(inputs[rows], taught[rows], evidence.group, LEAF * rounds, seed)(
                evidence.features[judged]
            )
            raw[judged], contributions[judged] = usual, added
    scores = raw + contributions.sum(2)
    rates = _rates(scores, prior)
    scores += np.log(rates)
    scores -= scores.max(1, keepdims=True)
    probability = np.exp(scores)
    probability /= probability.sum(1, keepdims=True)
    usual = raw + np.log(rates)
    return JudgedObjects(probability, usual - usual[:, :1], contributions - contributions[:, :1], rates)


def _fit(features: np.ndarray, kind: np.ndarray, group: np.ndarray, leaf: int, seed: int):
    """Return a function of features [n, F]: log-likelihoods [n, 5] of nothing in particular, and what groups add [n, 5, G]."""
    known = np.unique(kind)
    groups = [np.flatnonzero(group == g).tolist() for g in range(len(GROUPS))]
    number = np.bincount(kind, minlength=len(CLASSES))
    share = (number + 1) / (number + 1).sum()
    if len(known) < 2 or not (kind == 0).any():
        return lambda asked: (np.zeros((len(asked), len(CLASSES))), np.zeros((len(asked), len(CLASSES), len(GROUPS))))
    valued = np.isfinite(features).any(0)  # scikit-learn takes no column without a value
    features = np.where(valued, features, 0)
    ordinary = _medians(features[kind == 0])
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=RATE, min_samples_leaf=leaf, l2_regularization=1.0, early_stopping=False,  # pyright: ignore[reportArgumentType]
        interaction_cst=[of for of in groups if of], random_state=seed,
    ).fit(features, kind)  # fmt: skip

    def log_likelihood(asked: np.ndarray) -> np.ndarray:
        found = model.decision_function(np.where(valued, asked, 0))
        if found.ndim == 1:
            found = np.column_stack([np.zeros(len(found)), found])
        result = np.full((len(asked), len(CLASSES)), -30.0)
        result[:, known] = found - np.log(share[known])
        return result

    def said(asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        usual = log_likelihood(ordinary[None])
        added = np.zeros((len(asked), len(CLASSES), len(GROUPS)))
        for g, of in enumerate(groups):
            if of:
                alone = np.tile(ordinary, (len(asked), 1))
                alone[:, of] = asked[:, of]
                added[:, :, g] = log_likelihood(alone) - usual
        return np.tile(usual, (len(asked), 1)), added

    return said


def _medians(features: np.ndarray) -> np.ndarray:
    """Return [F] the median of each column [n, F], NaN where nothing is known."""
    result = np.full(features.shape[1], np.nan)
    known = np.isfinite(features).any(0)
    result[known] = np.nanmedian(features[:, known], axis=0)
    return result


def _rates(scores: np.ndarray, prior: ErrorPrior) -> np.ndarray:
    """Return [5] the shares of all kinds, from log-likelihoods [K, 5], by expectation maximisation."""
    rates = np.full(len(CLASSES), prior.rate)
    rates[0] = 1 - prior.rate * len(OF_ANNOTATIONS)
    pseudo = rates * prior.strength
    likelihood = np.exp(scores - scores.max(1, keepdims=True))
    for _ in range(STEPS):
        posterior = likelihood * rates
        posterior /= posterior.sum(1, keepdims=True)
        rates = (posterior.sum(0) + pseudo) / (len(scores) + pseudo.sum())
    return rates
