"""Experiment 1 with the right question: can the changed class be told from the genuine ones of the same scenes?

Injection adds one absent class to a scene: one of the 20 rarest of the training set, any absent class with equal
probability ("uniform"), or an absent class in proportion to its frequency ("matched", where rarity alone says nothing). The
candidates are the classes then present, ranked by how improbable they are. Removal takes out each present class in turn;
the candidates are all classes then absent, ranked by how probable they are.

Every scene of these is known to be changed. In the two experiments "half clean" it is not: half of the scenes stay as
they are, the others have any absent class added, or any present one removed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from contextual_anomaly.array_types import Float, Real
from contextual_anomaly.experiments import probabilities
from contextual_anomaly.experiments.published import INJECTED_BELOW, REMOVED_ABOVE, rarest_classes
from contextual_anomaly.experiments.schemas import TRIALS
from contextual_anomaly.experiments.summary import Measure, summarise
from contextual_anomaly.models import posterior
from contextual_anomaly.models.base import ContextModel, Geometry, variant_index
from contextual_anomaly.models.calibration import Calibration
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.stats.log_odds import expit, logit
from contextual_anomaly.stats.ranking import rank, ranking

REMOVE_MINIMUM = 2
"""Classes in a scene from which one is removed, so that one is left."""
CLEAN = -1
"""In place of the changed class."""
HALF_CLEAN = ("inject_half_clean", "remove_half_clean")
TIMED_SCENES = 10
"""Single scenes over which the time of one prediction is averaged."""


@dataclass(frozen=True)
class Trials:
    """T scenes, each changed unless it is left clean."""

    experiment: str
    scene: np.ndarray  # [T] index of the scene
    changed: np.ndarray  # [T] class index, or CLEAN
    presence: np.ndarray  # [T, C] float32, after the change

    @property
    def injection(self) -> bool:
        """Whether classes are added, not removed."""
        return self.experiment.startswith("inject")

    @property
    def candidate(self) -> np.ndarray:
        """[T, C] bool: the classes that might be the changed one."""
        return self.presence > 0 if self.injection else self.presence == 0

    @property
    def clean_share(self) -> float:
        """The share of scenes that are left as they are."""
        return 0.5 if self.experiment in HALF_CLEAN else 0.0


@dataclass(frozen=True)
class CorrectedResults:
    """What `run` returns."""

    trials: pd.DataFrame
    """Rows of `schemas.TRIALS`, of the variant that stands for the model."""
    summary: pd.DataFrame
    """Rows of `tables.SUMMARY`, of all variants."""
    calibration_curve: pd.DataFrame
    """`probabilities.calibration_curve` of the variant that stands for the model."""
    timing: dict[str, float]
    """milliseconds_per_scene (one scene at a time) and milliseconds_per_scene_of_many (all at once), of one variant."""


def run(
    model: ContextModel,
    scenes: Scenes,
    train_frequency: Real[np.ndarray, " C"],
    calibration: Calibration | None = None,
    geometry: Geometry | None = None,
    bottleneck: int = 10,
    n_draws: int = 3,
    n_resamples: int = 1000,
    seed: int = 0,
) -> CorrectedResults:
    """Add classes to scenes and remove classes, and measure whether the model tells them from the genuine ones.

    Args:
        model: the context model.
        scenes: the N validation scenes, of the model's classes.
        train_frequency: [C] number of training images that hold each class.
        calibration: held-out log-odds of the variant that stands for the model; None leaves out the rates of p-values.
        geometry: of the scenes, for models that use it.
        bottleneck: of a sweep, the variants that are ranked over all trials; the first of them stands for the model.
        n_draws: injections for each scene and kind.
        n_resamples: of the bootstrap over images.
        seed: of injections and bootstrap.
    """
    presence, bootstrap = scenes.presence, Bootstrap(len(scenes.image_ids), n_resamples, seed)
    chosen = variant_index(model, bottleneck)
    ranked = frozenset(m for m, variant in enumerate(model.variants) if variant.bottleneck in (bottleneck, None))
    measures: list[Measure] = []
    tables = []
    # BLAS rounds differently on several cores, and is slower there for products as small as these.
    with threadpool_limits(1):
        log_odds, timing = _timed_log_odds(model, presence, geometry)
        for m in sorted(ranked):
            known = calibration if m == chosen else None
            measures += probabilities.measure(log_odds[m], presence, known, m, bootstrap)
        for trials in make_trials(presence, np.asarray(train_frequency, np.float64), n_draws, seed):
            of_trials = model.log_odds(trials.presence, None if geometry is None else geometry[trials.scene])
            measures += measure(of_trials, trials, bootstrap, ranked)
            if trials.experiment not in HALF_CLEAN:
                tables.append(_trial_table(of_trials[chosen], trials, scenes))
    return CorrectedResults(
        trials=pd.concat(tables, ignore_index=True),
        summary=summarise("corrected", model, measures),
        calibration_curve=probabilities.calibration_curve(log_odds[chosen], presence),
        timing=timing,
    )


def _timed_log_odds(
    model: ContextModel, presence: np.ndarray, geometry: Geometry | None
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the log-odds [M, N, C] of unchanged scenes, and how long they took."""
    start = time.perf_counter()
    log_odds = model.log_odds(presence, geometry)
    together = (time.perf_counter() - start) / len(model.variants) / max(len(presence), 1)
    start = time.perf_counter()
    for row in range(TIMED_SCENES):
        model.log_odds(presence[row : row + 1], None if geometry is None else geometry[row : row + 1])
    one = (time.perf_counter() - start) / TIMED_SCENES
    timing = {
        "milliseconds_per_scene": round(1000 * one, 4),
        "milliseconds_per_scene_of_many": round(1000 * together, 6),
    }
    return log_odds, timing


def _trial_table(log_odds: np.ndarray, trials: Trials, scenes: Scenes) -> pd.DataFrame:
    """Return rows of `schemas.TRIALS` from the log-odds [T, C] of one variant."""
    place = rank(-log_odds if trials.injection else log_odds, trials.candidate, trials.changed)
    own = np.take_along_axis(log_odds, trials.changed[:, None], axis=1)[:, 0]
    columns = {
        "experiment": trials.experiment,
        "image_id": scenes.image_ids[trials.scene],
        "category_id": np.asarray(scenes.category_ids, np.int32)[trials.changed],
        "probability": expit(own).astype(np.float32),
        "rank": place.astype(np.int32),
        "found": place == 1,
    }
    return pd.DataFrame(columns, columns=TRIALS.names)


def make_trials(
    presence: Float[np.ndarray, "N C"], train_frequency: Real[np.ndarray, " C"], n_draws: int, seed: int
) -> list[Trials]:
    """Return the trials of all experiments, the same for every model.

    Args:
        presence: [N, C] float of 0 and 1, the validation scenes.
        train_frequency: [C] training images that hold each class.
        n_draws: injections for each scene and kind.
        seed: of what is added and removed.
    """
    rarest = np.zeros(len(train_frequency))
    rarest[rarest_classes(train_frequency)] = 1
    weights = {"inject_rarest": rarest, "inject_uniform": np.ones(len(rarest)), "inject_matched": train_frequency}
    trials = []
    for number, (experiment, weight) in enumerate(weights.items()):
        rng = np.random.default_rng([seed, number])
        scene = np.tile(np.arange(len(presence)), n_draws)
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
    """Draw a class for each row in proportion to weight [T, C]; return [T], CLEAN where all weights are 0."""
    # The largest of log weight + Gumbel noise is a draw in proportion to weight.
    with np.errstate(divide="ignore"):
        key = np.log(weight) + rng.gumbel(size=weight.shape)
    return np.where(np.isfinite(key.max(1)), key.argmax(1), CLEAN)


def _changed(experiment: str, presence: np.ndarray, scene: np.ndarray, changed: np.ndarray, value: int) -> Trials:
    after = presence[scene].astype(np.float32)
    where = np.flatnonzero(changed != CLEAN)
    after[where, changed[where]] = value
    return Trials(experiment, scene, changed, after)


def measure(
    log_odds: Float[np.ndarray, "M T C"], trials: Trials, bootstrap: Bootstrap, ranked: frozenset[int] | None = None
) -> Iterator[Measure]:
    """Yield every measure of every variant.

    - recall_at_1, recall_at_5 (removal: recall_at_10 too), mean_reciprocal_rank, ndcg: of the changed class among the
      candidates. A single class is relevant, so that NDCG is 1 / log2(1 + rank).
    - the same with _per_image (removal): each image has the same weight, however many classes it shows. In the figures
      above each trial has the same weight, and large scenes, with more trials, are the easier ones.
    - auroc, average_precision (random guessing gives prevalence), fpr_at_95_tpr, tpr_at_5_fpr: changed against
      unchanged candidates of all trials.
    - posterior_auroc and so on: the same by `models.posterior`, which knows that one class of a scene was changed, or
      that half of the scenes are clean; scene_auroc (half clean): changed scenes against clean ones by it.
    - tpr and fpr: the shares of changed and of unchanged candidates that the published thresholds flag.

    Args:
        log_odds: [M, T, C] the model's answers for the presence of the trials.
        trials: of one experiment.
        bootstrap: over the N images.
        ranked: variants whose candidates are ranked over all trials, which takes most of the time; None: all.
    """
    figures = _Figures(trials, bootstrap)
    rows: list[Measure | _Share] = []
    for m in range(len(log_odds)):
        rows += figures.of_ranks(m, log_odds[m])
        if ranked is None or m in ranked:
            rows += figures.of_ranking(m, log_odds[m])
        rows += figures.of_thresholds(m, log_odds[m])
    shares = [row for row in rows if isinstance(row, _Share)]
    intervals = iter(bootstrap.of_shares([share.found for share in shares], [share.trials for share in shares]))
    for row in rows:
        yield figures.result(row.variant, row.metric, row.value, next(intervals)) if isinstance(row, _Share) else row


class _Share(NamedTuple):
    """A share of trials, whose interval is still to be computed: that of many shares takes as long as that of one."""

    variant: int
    metric: str
    found: np.ndarray  # [N] in each image
    trials: np.ndarray  # [N]

    @property
    def value(self) -> float:
        return self.found.sum() / self.trials.sum() if self.trials.any() else np.nan


class _Figures:
    """The measures of any variant on one experiment's trials."""

    def __init__(self, trials: Trials, bootstrap: Bootstrap) -> None:
        self.trials = trials
        self.bootstrap = bootstrap
        self.within = {"trials": len(trials.scene), "images": len(np.unique(trials.scene))}
        self.images = bootstrap.weights.shape[1]
        self.candidate = trials.candidate
        self.known = np.flatnonzero(trials.changed != CLEAN)
        self.scene, self.changed = trials.scene[self.known], trials.changed[self.known]
        self.positives = np.bincount(self.scene, minlength=self.images).astype(float)  # [N] changed candidates
        self.negatives = self._by_image(self.candidate.sum(1)) - self.positives

    @cached_property
    def _ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every candidate, its image and whether it is the changed class."""
        target = np.zeros_like(self.candidate)
        target[self.known, self.changed] = True
        scene = np.broadcast_to(self.trials.scene[:, None], self.candidate.shape)
        return scene[self.candidate], target[self.candidate]

    def _by_image(self, values: np.ndarray) -> np.ndarray:
        """Return the sums [N] of what each trial has [T]."""
        return np.bincount(self.trials.scene, values, self.images)

    def result(self, variant: int, metric: str, value: float, interval: tuple[float, float]) -> Measure:
        return Measure(self.trials.experiment, variant, metric, float(value), *interval, **self.within)

    def of_ranks(self, variant: int, log_odds: np.ndarray) -> Iterator[_Share]:
        score = (-log_odds if self.trials.injection else log_odds)[self.known]
        place = rank(score, self.candidate[self.known], self.changed)
        best = (1, 5) if self.trials.injection else (1, 5, 10)
        found = {f"recall_at_{k}": (place <= k).astype(float) for k in best}
        found |= {"mean_reciprocal_rank": 1 / place, "ndcg": 1 / np.log2(1 + place)}
        for metric, value in found.items():
            yield _Share(variant, metric, np.bincount(self.scene, value, self.images), self.positives)
        if not self.trials.injection:
            weight = 1 / self.positives[self.scene]
            trials = np.bincount(self.scene, weight, self.images)
            for metric, value in found.items():
                sums = np.bincount(self.scene, value * weight, self.images)
                yield _Share(variant, f"{metric}_per_image", sums, trials)

    def of_ranking(self, variant: int, log_odds: np.ndarray) -> Iterator[Measure]:
        score = (-log_odds if self.trials.injection else log_odds)[self.candidate]
        yield from self._ranking(variant, "", score)
        posterior_of = posterior.added if self.trials.injection else posterior.removed
        changed, clean = posterior_of(log_odds, self.trials.presence, self.trials.clean_share)
        # The logarithm keeps what rounding would make equal.
        with np.errstate(divide="ignore"):
            yield from self._ranking(variant, "posterior_", np.log(changed[self.candidate]))
        if self.trials.clean_share:
            altered = self.trials.changed != CLEAN
            interval = self.bootstrap.of_ranking(self.trials.scene, altered, -clean)["auroc"]
            yield self.result(variant, "scene_auroc", ranking(altered, -clean)["auroc"], interval)

    def _ranking(self, variant: int, prefix: str, score: np.ndarray) -> Iterator[Measure]:
        image, positive = self._ranked
        intervals = self.bootstrap.of_ranking(image, positive, score)
        for metric, value in ranking(positive, score).items():
            yield self.result(variant, prefix + metric, value, intervals[metric])

    def of_thresholds(self, variant: int, log_odds: np.ndarray) -> Iterator[_Share]:
        limit = INJECTED_BELOW if self.trials.injection else REMOVED_ABOVE
        above = log_odds > logit(limit)
        flagged = (~above if self.trials.injection else above) & self.candidate
        found = np.bincount(self.scene, flagged[self.known, self.changed], self.images)
        yield _Share(variant, "prevalence", self.positives, self.positives + self.negatives)
        yield _Share(variant, "tpr", found, self.positives)
        yield _Share(variant, "fpr", self._by_image(flagged.sum(1)) - found, self.negatives)
