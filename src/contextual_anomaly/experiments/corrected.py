"""Experiment 1 with the right question: can the changed class be told from the genuine ones of the same scenes?

Injection adds one absent class to a scene: one of the 20 rarest of the training set, any absent class alike
("uniform"), or an absent class in proportion to its frequency ("matched", where rarity alone says nothing). The
candidates are the classes then present, ranked by how little they are expected. Removal takes out each present class in
turn; the candidates are all classes then absent, ranked by how much they are expected.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contextual_anomaly.experiments.bootstrap import Bootstrap
from contextual_anomaly.experiments.metrics import rank, ranking
from contextual_anomaly.experiments.published import INJECTED_BELOW, REMOVED_ABOVE, rarest_classes
from contextual_anomaly.models.base import ContextModel

REMOVE_MINIMUM = 2  # classes in the scene, so that one is left to tell from


@dataclass(frozen=True)
class Trials:
    """T changed scenes."""

    experiment: str
    scene: np.ndarray  # [T] index of the scene
    changed: np.ndarray  # [T] class index
    evidence: np.ndarray  # [T, C] float32, after the change


@dataclass(frozen=True)
class Measure:
    """One figure of one member, with its bootstrap interval."""

    experiment: str
    member: int
    metric: str
    value: float
    low: float
    high: float
    trials: int
    images: int


def make_trials(presence: np.ndarray, train_frequency: np.ndarray, draws: int, seed: int) -> list[Trials]:
    """The trials, the same for every model.

    Args:
        presence: [N, C] float of 0 and 1, the validation scenes.
        train_frequency: [C] training images that hold each class.
        draws: injections for each scene and kind.
    """
    rarest = np.zeros(len(train_frequency))
    rarest[rarest_classes(train_frequency)] = 1
    weights = {"inject_rarest": rarest, "inject_uniform": np.ones(len(rarest)), "inject_matched": train_frequency}
    trials = []
    for number, (experiment, weight) in enumerate(weights.items()):
        rng = np.random.default_rng([seed, number])
        scene = np.tile(np.arange(len(presence)), draws)
        # The largest of log weight + Gumbel noise is a draw in proportion to weight.
        with np.errstate(divide="ignore"):
            key = np.log(weight) + rng.gumbel(size=(len(scene), len(weight)))
        key[presence[scene] > 0] = -np.inf
        changed = key.argmax(1)
        possible = np.isfinite(key.max(1))
        trials.append(_changed(experiment, presence, scene[possible], changed[possible], 1))
    scene, changed = np.nonzero(presence * ((presence > 0).sum(1) >= REMOVE_MINIMUM)[:, None])
    trials.append(_changed("remove", presence, scene, changed, 0))
    return trials


def _changed(experiment, presence, scene, changed, value) -> Trials:
    evidence = presence[scene].astype(np.float32)
    evidence[np.arange(len(scene)), changed] = value
    return Trials(experiment, scene, changed, evidence)


def measure(model: ContextModel, trials: Trials, bootstrap: Bootstrap) -> Iterator[Measure]:
    """Every measure of every member.

    - hit_at_1, hit_at_5 (removal: hit_at_10 too), mean_reciprocal_rank: of the changed class among the candidates.
    - the same with _per_image (removal): each image weighs the same, however many classes it shows. What the figures
      above give weighs each trial the same, and large scenes, with more trials, are the easier ones.
    - auroc, average_precision (random guessing gives prevalence), fpr_at_95_tpr, tpr_at_5_fpr: changed against
      unchanged candidates of all trials.
    - detected and false_alarms: the shares of changed and of unchanged candidates that the published thresholds flag.
    """
    injection = trials.experiment != "remove"
    candidate = trials.evidence > 0 if injection else trials.evidence == 0
    target = np.zeros_like(candidate)
    np.put_along_axis(target, trials.changed[:, None], True, axis=1)
    positive = target[candidate]
    image = np.broadcast_to(trials.scene[:, None], candidate.shape)[candidate]
    scenes = bootstrap.weights.shape[1]
    within = {"trials": len(trials.scene), "images": len(np.unique(trials.scene))}
    expectations = model.expected(trials.evidence)
    for m in range(len(model.members)):
        expected = expectations[m]
        # Negated, not 1 - expected: in float32 that would make ties of all small expectations.
        score = -expected if injection else expected
        flagged = (expected < INJECTED_BELOW if injection else expected > REMOVED_ABOVE)[candidate]

        def result(metric, value, interval, m=m):
            return Measure(trials.experiment, m, metric, float(value), *interval, **within)

        def share(metric, hit, of, m=m):
            sums = [np.bincount(where, weights=what, minlength=scenes) for where, what in (hit, of)]
            value = sums[0].sum() / sums[1].sum()
            return Measure(trials.experiment, m, metric, float(value), *bootstrap.of_share(*sums), **within)

        place = rank(score, candidate, trials.changed)
        ones = (trials.scene, np.ones(len(place)))
        for k in (1, 5) if injection else (1, 5, 10):
            yield share(f"hit_at_{k}", (trials.scene, place <= k), ones)
        yield share("mean_reciprocal_rank", (trials.scene, 1 / place), ones)
        if not injection:
            weight = 1 / np.bincount(trials.scene)[trials.scene]
            for k in (1, 5, 10):
                yield share(f"hit_at_{k}_per_image", (trials.scene, (place <= k) * weight), (trials.scene, weight))
            yield share("mean_reciprocal_rank_per_image", (trials.scene, weight / place), (trials.scene, weight))

        scored = score[candidate]
        intervals = bootstrap.of_ranking(image, positive, scored)
        for metric, value in ranking(positive, scored).items():
            yield result(metric, value, intervals[metric])
        yield share("prevalence", (image, positive), (image, np.ones(len(image))))
        yield share("detected", (image, positive & flagged), (image, positive))
        yield share("false_alarms", (image, ~positive & flagged), (image, ~positive))
