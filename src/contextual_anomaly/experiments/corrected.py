"""Experiment 1 with the right question: can the changed class be told from the genuine ones of the same scenes?

Injection adds one absent class to a scene: one of the 20 rarest of the training set, any absent class alike
("uniform"), or an absent class in proportion to its frequency ("matched", where rarity alone says nothing). The
candidates are the classes then present, ranked by how little they are expected. Removal takes out each present class in
turn; the candidates are all classes then absent, ranked by how much they are expected.

Each scene of these is known to be changed. In the two experiments "half clean" it is not: half of the scenes stay as
they are, the others have any absent class added, or any present one taken out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contextual_anomaly.experiments.published import INJECTED_BELOW, REMOVED_ABOVE, rarest_classes
from contextual_anomaly.models import posterior
from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.log_odds import logit
from contextual_anomaly.stats.ranking import rank, ranking

REMOVE_MINIMUM = 2  # classes in the scene, so that one is left to tell from
CLEAN = -1  # in place of the changed class
HALF_CLEAN = ("inject_half_clean", "remove_half_clean")


@dataclass(frozen=True)
class Trials:
    """T scenes, changed but for those that are left clean."""

    experiment: str
    scene: np.ndarray  # [T] index of the scene
    changed: np.ndarray  # [T] class index, or CLEAN
    evidence: np.ndarray  # [T, C] float32, after the change

    @property
    def injection(self) -> bool:
        """Whether classes are added, not taken out."""
        return self.experiment.startswith("inject")

    @property
    def candidate(self) -> np.ndarray:
        """[T, C] bool: the classes that might be the changed one."""
        return self.evidence > 0 if self.injection else self.evidence == 0

    @property
    def clean_share(self) -> float:
        """Of the scenes, those that are left as they are."""
        return 0.5 if self.experiment in HALF_CLEAN else 0.0


@dataclass(frozen=True)
class Measure:
    """One figure of one variant, with its bootstrap interval."""

    experiment: str
    variant: int
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
        changed = _drawn(np.where(presence[scene] > 0, 0, weight), rng)
        possible = changed != CLEAN
        trials.append(_changed(experiment, presence, scene[possible], changed[possible], 1))
    several = (presence > 0).sum(1) >= REMOVE_MINIMUM
    scene, changed = np.nonzero(presence * several[:, None])
    trials.append(_changed("remove", presence, scene, changed, 0))
    for number, (experiment, allowed, value) in enumerate(
        zip(HALF_CLEAN, (presence == 0, (presence > 0) & several[:, None]), (1, 0), strict=True)
    ):
        rng = np.random.default_rng([seed, 100 + number])
        scene = np.flatnonzero(several)
        left = rng.random(len(scene)) < 0.5
        changed = np.where(left, CLEAN, _drawn(allowed[scene].astype(float), rng))
        trials.append(_changed(experiment, presence, scene, changed, value))
    return trials


def _drawn(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[T] a class of each row in proportion to weight [T, C], CLEAN where all weights are 0."""
    # The largest of log weight + Gumbel noise is a draw in proportion to weight.
    with np.errstate(divide="ignore"):
        key = np.log(weight) + rng.gumbel(size=weight.shape)
    return np.where(np.isfinite(key.max(1)), key.argmax(1), CLEAN)


def _changed(experiment, presence, scene, changed, value) -> Trials:
    evidence = presence[scene].astype(np.float32)
    where = np.flatnonzero(changed != CLEAN)
    evidence[where, changed[where]] = value
    return Trials(experiment, scene, changed, evidence)


def measure(
    odds: np.ndarray, trials: Trials, bootstrap: Bootstrap, ranked: frozenset[int] | None = None
) -> Iterator[Measure]:
    """Every measure of every variant.

    - recall_at_1, recall_at_5 (removal: recall_at_10 too), mean_reciprocal_rank, ndcg: of the changed class among the candidates.
      A single class is relevant, so that NDCG is 1 / log2(1 + rank).
    - the same with _per_image (removal): each image weighs the same, however many classes it shows. What the figures
      above give weighs each trial the same, and large scenes, with more trials, are the easier ones.
    - auroc, average_precision (random guessing gives prevalence), fpr_at_95_tpr, tpr_at_5_fpr: changed against
      unchanged candidates of all trials.
    - posterior_auroc and so on: the same by `models.posterior`, which knows that one class of a scene was changed, or
      that half of the scenes are clean; scene_auroc (half clean): changed scenes against clean ones by it.
    - tpr and fpr: the shares of changed and of unchanged candidates that the published thresholds flag.

    Args:
        odds: [M, T, C] the model's log-odds of the trials' evidence.
        ranked: variants whose candidates are ranked over all trials, which takes most of the time; None: all.
    """
    within = {"trials": len(trials.scene), "images": len(np.unique(trials.scene))}
    for m in range(len(odds)):
        figures = _Figures(trials, m, bootstrap, within)
        yield from figures.of_ranks(odds[m])
        if ranked is None or m in ranked:
            yield from figures.of_ranking(odds[m])
        yield from figures.of_thresholds(odds[m])


class _Figures:
    """The measures of one variant on one experiment's trials."""

    def __init__(self, trials: Trials, variant: int, bootstrap: Bootstrap, within: dict[str, int]) -> None:
        self.trials = trials
        self.variant = variant
        self.bootstrap = bootstrap
        self.within = within
        self.images = bootstrap.weights.shape[1]
        self.candidate = trials.candidate
        target = np.zeros_like(self.candidate)
        self.known = np.flatnonzero(trials.changed != CLEAN)
        target[self.known, trials.changed[self.known]] = True
        self.positive = target[self.candidate]
        self.image = np.broadcast_to(trials.scene[:, None], self.candidate.shape)[self.candidate]

    def result(self, metric: str, value: float, interval: tuple[float, float]) -> Measure:
        return Measure(self.trials.experiment, self.variant, metric, float(value), *interval, **self.within)

    def share(self, metric: str, image: np.ndarray, hit: np.ndarray, of: np.ndarray | float = 1.0) -> Measure:
        """Σ hit / Σ of over all trials, both in the image [n]."""
        of = np.broadcast_to(of, hit.shape)
        sums = [np.bincount(image, weights=what, minlength=self.images) for what in (hit, of)]
        value = sums[0].sum() / sums[1].sum() if sums[1].any() else np.nan
        return self.result(metric, value, self.bootstrap.of_share(*sums))

    def of_ranks(self, odds: np.ndarray) -> Iterator[Measure]:
        scene, changed = self.trials.scene[self.known], self.trials.changed[self.known]
        score = (-odds if self.trials.injection else odds)[self.known]
        place = rank(score, self.candidate[self.known], changed)
        best = (1, 5) if self.trials.injection else (1, 5, 10)
        found = {f"recall_at_{k}": (place <= k).astype(float) for k in best}
        found |= {"mean_reciprocal_rank": 1 / place, "ndcg": 1 / np.log2(1 + place)}
        for metric, value in found.items():
            yield self.share(metric, scene, value)
        if not self.trials.injection:
            weight = 1 / np.bincount(scene)[scene]
            for metric, value in found.items():
                yield self.share(f"{metric}_per_image", scene, value * weight, weight)

    def of_ranking(self, odds: np.ndarray) -> Iterator[Measure]:
        yield from self._ranking("", (-odds if self.trials.injection else odds)[self.candidate])
        judge = posterior.added if self.trials.injection else posterior.removed
        changed, clean = judge(odds, self.trials.evidence, self.trials.clean_share)
        # The logarithm keeps what rounding would make equal.
        with np.errstate(divide="ignore"):
            yield from self._ranking("posterior_", np.log(changed[self.candidate]))
        if self.trials.clean_share:
            altered = self.trials.changed != CLEAN
            interval = self.bootstrap.of_ranking(self.trials.scene, altered, -clean)["auroc"]
            yield self.result("scene_auroc", ranking(altered, -clean)["auroc"], interval)

    def _ranking(self, prefix: str, score: np.ndarray) -> Iterator[Measure]:
        intervals = self.bootstrap.of_ranking(self.image, self.positive, score)
        for metric, value in ranking(self.positive, score).items():
            yield self.result(prefix + metric, value, intervals[metric])

    def of_thresholds(self, odds: np.ndarray) -> Iterator[Measure]:
        limit = INJECTED_BELOW if self.trials.injection else REMOVED_ABOVE
        above = odds > logit(limit)
        flagged = (~above if self.trials.injection else above)[self.candidate].astype(float)
        yield self.share("prevalence", self.image, self.positive.astype(float))
        yield self.share("tpr", self.image, self.positive * flagged, self.positive.astype(float))
        yield self.share("fpr", self.image, ~self.positive * flagged, (~self.positive).astype(float))
