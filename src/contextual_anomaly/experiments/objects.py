"""Wrong labels and wrong boxes of single objects: can a model tell them from the genuine ones?

A share of the objects is changed, all at once, so that an object's company may be wrong as well. All objects but crowds are
ranked: by log prior - log P(class | box, others), how much less likely box and company make the given class than how common
it is, and by -log P(class | box, others) alone. Boxes are ranked by how plausible they are for class and company, which a
model of objects and a density of boxes say together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from contextual_anomaly.array_types import Bool, Float, Int, Real
from contextual_anomaly.experiments.summary import Measure, summarise
from contextual_anomaly.models.base import ContextModel, WithObjects, mean_log_probability
from contextual_anomaly.models.box_density import BoxDensity, fit_box_density
from contextual_anomaly.scene_objects import SceneObjects, rows_of_scenes
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking

EXCHANGED = ("label_by_frequency", "label_uniform", "label_in_supercategory")
"""Labels exchanged for that of a random object, for any other class, or for another class of the supercategory."""
PLACED = {"box_moved": [0, 1], "box_resized": [2, 3]}
"""Boxes whose centre, or whose width and height, are those of an object of another class; by the box features."""
HABIT = (0.05, 0.95)
"""Beyond these quantiles of its class a centre, a width or a height is unusual."""
DRAWS = 30
"""Objects that are tried for one whose place or size is unusual for the class."""


@dataclass(frozen=True)
class ChangedObjects:
    """K objects, some of them changed.

    Attributes:
        experiment: how.
        objects: all objects after the change.
        changed: [K] which were changed.
    """

    experiment: str
    objects: SceneObjects
    changed: Bool[np.ndarray, " K"]


def change_objects(
    objects: SceneObjects, supercategory: Int[np.ndarray, " A"], share: float, seed: int
) -> Iterator[ChangedObjects]:
    """Yield the objects with a share of them changed, in each of the ways.

    Args:
        objects: K annotated objects; crowds are left as they are, and give no label and no box to others.
        supercategory: [A] number of each class's supercategory.
        share: of the objects that are changed; of those whose supercategory has one class, none is by supercategory.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    eligible = np.flatnonzero(~objects.crowd)
    count = max(1, round(share * len(eligible)))
    classes = len(objects.classes)
    other = ~np.eye(classes, dtype=bool)
    frequency = np.bincount(objects.column[eligible], minlength=classes)
    weights = {
        "label_by_frequency": other * frequency,
        "label_uniform": other.astype(float),
        "label_in_supercategory": (other & (supercategory[:, None] == supercategory)).astype(float),
    }
    for name in EXCHANGED:
        possible = eligible[weights[name][objects.column[eligible]].sum(1) > 0]
        if not len(possible):
            continue
        chosen = np.sort(rng.choice(possible, min(count, len(possible)), replace=False))
        cumulative = weights[name][objects.column[chosen]].cumsum(1)
        drawn = rng.random((len(chosen), 1)) * cumulative[:, -1:]
        column = objects.column.copy()
        column[chosen] = (cumulative <= drawn).sum(1)
        yield ChangedObjects(name, replace(objects, column=column), np.isin(np.arange(len(column)), chosen))
    for name, features in PLACED.items():
        boxes, chosen = _with_unusual_boxes(objects, features, count, rng)
        if len(chosen):
            yield ChangedObjects(name, replace(objects, boxes=boxes), np.isin(np.arange(len(boxes)), chosen))


def _with_unusual_boxes(
    objects: SceneObjects, features: list[int], count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "K 4"], Int[np.ndarray, " n"]]:
    """Return all boxes with some moved or resized, and which; objects whose class is found anywhere are left out."""
    described = objects.box_features()
    boxed = np.flatnonzero(~np.isnan(described[:, 0]) & ~objects.crowd)
    if not len(boxed):
        return objects.boxes, boxed
    value, column = described[boxed][:, features], objects.column[boxed]
    low, high = np.zeros((2, len(objects.classes), len(features)))
    for a in np.unique(column):
        low[a], high[a] = np.quantile(value[column == a], HABIT, axis=0)
    chosen = np.sort(rng.choice(boxed, min(count, len(boxed)), replace=False))
    own = objects.column[chosen]
    givers = rng.choice(boxed, (len(chosen), DRAWS))
    drawn = described[givers][..., features]
    unusual = ((drawn < low[own][:, None]) | (drawn > high[own][:, None])).any(2)
    unusual &= objects.column[givers] != own[:, None]
    found = unusual.any(1)
    chosen, giver = chosen[found], givers[np.arange(len(chosen)), unusual.argmax(1)][found]

    size = objects.sizes[objects.scene]
    sides = objects.boxes[:, 2:] / size
    center = objects.boxes[:, :2] / size + sides / 2
    moved = features == PLACED["box_moved"]
    half = (sides[chosen] if moved else sides[giver]) / 2
    around = center[giver] if moved else center[chosen]
    lower, upper = (np.clip(around + sign * half, 0, 1) for sign in (-1, 1))  # what would leave the image is cut off
    boxes = objects.boxes.copy()
    boxes[chosen] = np.concatenate([lower, upper - lower], axis=1) * np.tile(size[chosen], 2)
    return boxes, chosen


def log_probabilities_by_presence(model: ContextModel, objects: SceneObjects) -> Float[np.ndarray, "M K A"]:
    """Return log P(class of an object | which classes the other objects have), of a model of classes.

    The odds of each class being present, given the others, are taken for those of the object having that class. Of classes
    that the model does not know it says how common they are among the objects, as of all.

    Args:
        model: a conditional model.
        objects: K objects of A classes.
    """
    scene, column, classes = objects.scene, objects.column, len(objects.classes)
    place = {name: a for a, name in enumerate(objects.classes)}
    known = np.array([place[name] for name in model.classes])
    counts = np.zeros((len(objects), classes), np.int64)
    np.add.at(counts, (scene, column), 1)
    # One question a scene, and one for each object that is the only one of its class, without it.
    only = np.flatnonzero((counts[scene, column] == 1) & np.isin(column, known))
    row = scene.copy()
    row[only] = len(objects) + np.arange(len(only))
    presence = np.concatenate([counts, counts[scene[only]]]) > 0
    presence[row[only], column[only]] = False
    asked = np.concatenate([np.arange(len(objects)), scene[only]])
    odds = model.log_odds(presence[:, known].astype(np.float32), _without(objects, asked, only, len(objects)))
    frequency = np.bincount(column, minlength=classes) + 0.5
    result = np.broadcast_to(np.log(frequency / frequency.sum()), (len(model.variants), len(column), classes)).copy()
    result[:, :, known] = log_softmax(odds[:, row], axis=2) + np.log(frequency[known].sum() / frequency.sum())
    return result.astype(np.float32)


def _without(objects: SceneObjects, scenes: np.ndarray, removed: np.ndarray, first: int) -> SceneObjects:
    """Return scenes, those from ``first`` on without one object each."""
    offsets, rows = rows_of_scenes(objects.offsets, scenes)
    of = np.repeat(np.arange(len(scenes)), np.diff(offsets))
    gone = np.concatenate([np.full(first, -1), removed])
    kept = rows != gone[of]
    taken = objects[scenes]
    return SceneObjects(
        np.concatenate([[0], np.cumsum(np.bincount(of[kept], minlength=len(scenes)))]),
        taken.column[kept], taken.boxes[kept], taken.crowd[kept], taken.certainty[kept], taken.sizes, taken.classes,
    )  # fmt: skip


def box_plausibility(
    density: BoxDensity, answer: Float[np.ndarray, "K A"], hidden: Float[np.ndarray, "K A"], objects: SceneObjects
) -> Float[np.ndarray, " K"]:
    """Return how plausible the box of each object is, for its class and in its company; of objects without a box the mean.

    By Bayes' rule P(class | box, others) / P(class | others) is how much likelier the box is for this class than for any. Where a
    model of objects finds it less likely, log p(box | class, others) is lowered: by the logarithm of
    P(class | box, others) / (P(class | box, others) + P(class | others)), which is hardly anything where the box suits the class.

    Args:
        density: of boxes given class and company.
        answer: log P(class | box, others).
        hidden: log P(class | others), where the object's own box is not known.
        objects: K objects.
    """
    rows = np.arange(len(objects.column)), objects.column
    return _known(density.log_density(objects) - np.logaddexp(0, hidden[rows] - answer[rows]))


def _known(values: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """Return numbers with their mean where they are not known."""
    known = ~np.isnan(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


class Judged(NamedTuple):
    """What a model says about objects.

    Attributes:
        summary: rows of `tables.SUMMARY`.
        log_probability: [K, A] log P(class of an object) of the objects as they were given, the mean over the variants.
    """

    summary: pd.DataFrame
    log_probability: Float[np.ndarray, "K A"]


def log_frequency(train: SceneObjects) -> Float[np.ndarray, " A"]:
    """Return [A] the logarithm of how common each class is among objects that are no crowds, half an object added to each."""
    frequency = np.bincount(train.column[~train.crowd], minlength=len(train.classes)) + 0.5
    return np.log(frequency / frequency.sum())


def run(
    model: ContextModel,
    objects: SceneObjects,
    train: SceneObjects,
    supercategory: Int[np.ndarray, " A"],
    share: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Judged:
    """Measure how well a model predicts the classes of objects, and whether it tells changed objects from genuine ones.

    Args:
        model: one that answers for objects, or a conditional model of classes, which knows nothing of boxes.
        objects: of the N validation images.
        train: objects of the training images: how common classes are, and how large their boxes are and where.
        supercategory: [A] number of each class's supercategory.
        share: of the objects that are changed.
        n_resamples: of the bootstrap over images.
        seed: of changes and bootstrap.

    Returns:
        The measures, and what the model says of the unchanged objects. Of the experiment "objects", without changes: nats
        (mean surprise) and accuracy. Of each kind of change: auroc, average_precision, and precision_at_k with k changed
        objects; of labels by the lift, and by the surprise alone with "surprise_" before the names. Of changed boxes the
        measures by the density of boxes given the class alone begin with "habit_".
    """
    answer = _answering(model)
    judged = np.flatnonzero(~objects.crowd)
    measured = _Measured(objects, judged, n_resamples, seed)
    prior = log_frequency(train)
    measures: list[Measure] = []
    own = objects.column[judged]
    genuine = answer(objects, True)
    for m, log_p in enumerate(genuine[:, judged]):
        of_own = log_p[np.arange(len(own)), own]
        values = {"nats": measured.mean(-of_own), "accuracy": measured.mean(log_p.argmax(1) == own)}
        measures += measured.rows("objects", m, values)
    density = fit_box_density(train) if isinstance(model, WithObjects) else None
    for changed in change_objects(objects, supercategory, share, seed):
        if changed.experiment in PLACED and density is None:
            continue
        given = changed.objects.column
        log_ps = answer(changed.objects, True)
        hidden = answer(changed.objects, False) if changed.experiment in PLACED else log_ps
        for m, log_p in enumerate(log_ps):
            if changed.experiment in PLACED and density is not None:
                scores = {
                    "": -box_plausibility(density, log_p, hidden[m], changed.objects),
                    "habit_": -_known(density.log_density(changed.objects, company=False)),
                }
            else:
                surprise = -log_p[np.arange(len(given)), given]
                scores = {"": prior[given] + surprise, "surprise_": surprise}
            for prefix, score in scores.items():
                values = measured.ranking(score[judged], changed.changed[judged])
                measures += measured.rows(
                    changed.experiment, m, {f"{prefix}{name}": value for name, value in values.items()}
                )
    return Judged(summarise("objects", model, measures), mean_log_probability(genuine))


def _answering(model: ContextModel) -> Callable[[SceneObjects, bool], Float[np.ndarray, "M K A"]]:
    """Return what gives log P(class of each object), with the objects' own boxes or without."""
    if isinstance(model, WithObjects):
        of_objects = cast(WithObjects, model)
        return lambda objects, own_box: of_objects.object_log_probabilities(objects, own_box)
    return lambda objects, _: log_probabilities_by_presence(model, objects)


class _Measured:
    """Measures over the judged objects, of all images and of each resample."""

    def __init__(self, objects: SceneObjects, judged: Int[np.ndarray, " J"], n_resamples: int, seed: int) -> None:
        self.image, self.images = objects.scene[judged], len(objects)
        self.weights = Bootstrap(self.images, n_resamples, seed).weights_with_all

    def mean(self, found: Real[np.ndarray, " J"] | Bool[np.ndarray, " J"]) -> Float[np.ndarray, " B"]:
        """Return the mean over the judged objects."""
        ones = np.ones(len(found))
        sums = np.stack([np.bincount(self.image, of, self.images) for of in (found, ones)], axis=1)
        of_resamples = self.weights.astype(np.float64) @ sums
        with np.errstate(invalid="ignore"):
            return of_resamples[:, 0] / of_resamples[:, 1]

    def ranking(
        self, score: Real[np.ndarray, " J"], positive: Bool[np.ndarray, " J"]
    ) -> dict[str, Float[np.ndarray, " B"]]:
        """Return measures of how well a score tells the changed objects from the others."""
        ranked = WeightedRanking(self.image, score, positive, self.weights)
        number = self.weights @ np.bincount(self.image, positive, self.images)
        return {
            "auroc": ranked.auroc(),
            "average_precision": ranked.average_precision(),
            "precision_at_k": ranked.precision_at_k(number),
        }

    def rows(self, experiment: str, variant: int, values: dict[str, Float[np.ndarray, " B"]]) -> Iterator[Measure]:
        """Yield the measures with their intervals."""
        for name, of_resamples in values.items():
            low, high = interval(of_resamples[1:])
            value = float(of_resamples[0])
            yield Measure(experiment, variant, name, value, low, high, len(self.image), self.images)
