"""Experiment 1 as the original code does it, quirks included (Blaha, Broughton, Krajník 2020).

The original takes positions in its list of class ids for class indices, so that its "20 least common classes" are the
positions 0 to 18 and its "any class" the positions 0 to 76; both are repeated here. Each autoencoder also chooses the
images on which its removals are tried. Beside these two quirks stand the same experiments without them: the classes that
are truly the 20 rarest, and removals from all images. The measures have no false-alarm term: the corrected protocol has.

A trial of one class added or removed does not depend on the draw that it belongs to. So each is computed once, by
`ContextModel.predict_proba_toggled`, and a draw is a choice among known answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from contextual_anomaly.array_types import Float, Int, Real
from contextual_anomaly.experiments.summary import Measure, summarise, variant_columns
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.stats.bootstrap import Bootstrap
from contextual_anomaly.tables import DRAWS

INJECTED_BELOW = 0.5
"""An added class is found where its output is below."""
REMOVED_ABOVE = 0.25
"""A removed class is found where its output is above."""
RECONSTRUCTED_WITHIN = 0.5
"""Removal is tried on images that the model reconstructs within this only."""
POSITIONS = {"inject_20_least_common_label": 19, "inject_any": 77}
"""Classes are drawn from the positions 0 … n - 1."""
INJECT_RAREST = "inject_20_rarest"
"""What the first of them was meant to be."""
REMOVE_ALL = "remove_all_images"
"""Removal without the choice of images."""
RAREST = 20
CLASSES_DRAWN = 10
MOST_POSITIONS = 20
REMOVED_EACH = 5
INJECT_MINIMUM, REMOVE_MINIMUM = 3, 5  # classes in the image


@dataclass(frozen=True)
class Outcome:
    """One experiment of one variant: what each draw found, and the interval over images."""

    experiment: str
    variant: int
    found: np.ndarray  # [D] trials found in each draw
    trials: np.ndarray  # [D]
    images: int
    low: float
    high: float

    @property
    def share(self) -> np.ndarray:
        """[D] found / trials, NaN where a draw has no trial."""
        return np.divide(self.found, self.trials, out=np.full(len(self.found), np.nan), where=self.trials > 0)


class _Tried(NamedTuple):
    """One experiment of one variant, before its interval."""

    experiment: str
    variant: int
    found_of_draw: np.ndarray  # [D]
    of_draw: np.ndarray  # [D] trials
    found_of_image: np.ndarray  # [N]
    of_image: np.ndarray  # [N]


@dataclass(frozen=True)
class PublishedResults:
    """What `run` returns."""

    draws: pd.DataFrame
    """Rows of `tables.DRAWS`."""
    summary: pd.DataFrame
    """Rows of `tables.SUMMARY`; the value is the mean over the draws."""


def run(
    model: ContextModel,
    presence: Float[np.ndarray, "N C"],
    train_frequency: Real[np.ndarray, " C"],
    n_draws: int = 20,
    n_resamples: int = 1000,
    seed: int = 0,
) -> PublishedResults:
    """Try all experiments with every variant of a model.

    Args:
        model: the context model.
        presence: [N, C] 0 or 1, the validation scenes.
        train_frequency: [C] number of training images that hold each class.
        n_draws: random draws of classes, each with its own seed.
        n_resamples: of the bootstrap over images.
        seed: of draws and bootstrap.
    """
    # BLAS rounds differently on several cores, and takes five times as long for products as small as these.
    with threadpool_limits(1):
        done = list(outcomes(model, presence, train_frequency, n_draws, n_resamples, seed))
    draws, measures = [], []
    for outcome in done:
        share = outcome.share
        about = {"experiment": outcome.experiment, **variant_columns(model.variants[outcome.variant])}
        draws += [
            about | {"draw": draw, "found": share[draw], "trials": int(outcome.trials[draw])} for draw in range(n_draws)
        ]
        figures = {
            "value": float(np.mean(share)),
            "std": float(np.std(share)),
            "low": outcome.low,
            "high": outcome.high,
        }
        of = {"trials": round(np.mean(outcome.trials)), "images": outcome.images}
        measures.append(Measure(outcome.experiment, outcome.variant, "found", **figures, **of))
    table = pd.DataFrame(draws, columns=DRAWS.names).astype({"bottleneck": "Int32", "weight_seed": "Int32"})
    return PublishedResults(table, summarise("published", model, measures))


def rarest_classes(train_frequency: Real[np.ndarray, " C"]) -> Int[np.ndarray, " rarest"]:
    """Return the indices [RAREST] of the rarest classes, the rarest first.

    Args:
        train_frequency: [C] number of training images that hold each class.
    """
    return np.argsort(train_frequency, kind="stable")[:RAREST]


def outcomes(
    model: ContextModel, presence: np.ndarray, train_frequency: np.ndarray, n_draws: int, n_resamples: int, seed: int
) -> Iterator[Outcome]:
    """Yield all experiments of every variant, with and without quirks; arguments as those of `run`.

    Every variant is tried with the same draws.
    """
    bootstrap = Bootstrap(len(presence), n_resamples, seed)
    seeds = [[seed, draw] for draw in range(n_draws)]
    tried = [*_single_classes(model, presence, rarest_classes(train_frequency), seeds), *_most(model, presence, seeds)]
    intervals = bootstrap.of_shares([one.found_of_image for one in tried], [one.of_image for one in tried])
    for one, (low, high) in zip(tried, intervals, strict=True):
        images = int((one.of_image > 0).sum())
        yield Outcome(one.experiment, one.variant, one.found_of_draw, one.of_draw, images, low, high)


def _single_classes(
    model: ContextModel, presence: np.ndarray, rarest: np.ndarray, seeds: list[list[int]]
) -> Iterator[_Tried]:
    """Inject and remove: is the changed class found by its own output?"""
    present = presence > 0
    classes = present.sum(1)
    toggled = model.predict_proba_toggled(presence)  # [M, N, C]
    within = np.abs(presence - model.predict_proba(presence)) <= RECONSTRUCTED_WITHIN
    reconstructed = np.all(within, axis=2)  # [M, N]

    candidates = {name: np.arange(min(count, presence.shape[1])) for name, count in POSITIONS.items()}
    for experiment, classes_of in (candidates | {INJECT_RAREST: rarest}).items():
        chosen = np.zeros((len(seeds), presence.shape[1]), np.float32)  # [D, C]
        for draw, entropy in enumerate(seeds):
            size = min(CLASSES_DRAWN, len(classes_of))
            chosen[draw, np.random.default_rng(entropy).choice(classes_of, size, replace=False)] = 1
        absent = (~present & (classes >= INJECT_MINIMUM)[:, None]).astype(np.float32)
        for m in range(len(model.variants)):
            found = absent * (toggled[m] < INJECTED_BELOW)
            # [N, C] @ [C, D]: how many of a draw's classes each image lacks, and how many of these are found.
            yield _tried(experiment, m, found @ chosen.T, absent @ chosen.T)

    several = present & (classes >= REMOVE_MINIMUM)[:, None]
    removed = np.stack([_some_present(several, np.random.default_rng(entropy)) for entropy in seeds])  # [D, N, C]
    for m in range(len(model.variants)):
        found = np.einsum("dnc,nc->nd", removed, toggled[m] > REMOVED_ABOVE, dtype=np.float32)
        tried = removed.sum(2).T
        eligible = reconstructed[m][:, None]
        yield _tried("remove", m, found * eligible, tried * eligible)
        yield _tried(REMOVE_ALL, m, found, tried)


def _some_present(present: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return [N, C] bool: `REMOVED_EACH` random classes of those present in each image."""
    key = np.where(present, rng.random(present.shape, np.float32), -1)
    place = np.argpartition(-key, REMOVED_EACH - 1, axis=1)[:, :REMOVED_EACH]
    chosen = np.zeros_like(present)
    np.put_along_axis(chosen, place, True, axis=1)
    return chosen & present


def _most(model: ContextModel, presence: np.ndarray, seeds: list[list[int]]) -> Iterator[_Tried]:
    """Inject-most and remove-most: does the changed class differ most of all from its output?"""
    names = ("inject_most_unexpected", "inject_most_anomalous_outright", "remove_most")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    absent = presence == 0
    absent[:, MOST_POSITIONS:] = False
    several = np.flatnonzero((presence > 0).sum(1) >= REMOVE_MINIMUM)
    everyone = np.arange(len(presence))
    for entropy in seeds:
        rng = np.random.default_rng([*entropy, 1])
        injected = _one_of(absent, rng)
        signed = _differences(model, presence, everyone, injected, 1)  # input - output
        found = injected[:, None] == signed.argmax(2).T  # [N, M]
        rows["inject_most_unexpected"].append(found)
        rows["inject_most_anomalous_outright"].append(injected[:, None] == np.abs(signed).argmax(2).T)
        removed = _one_of(presence[several] > 0, rng)
        missing = -_differences(model, presence, several, removed, 0)  # output - input
        found = np.zeros((len(presence), len(model.variants)), bool)
        found[several] = removed[:, None] == missing.argmax(2).T
        rows["remove_most"].append(found)
    for experiment, found in rows.items():
        tried = np.isin(everyone, several) if experiment == "remove_most" else np.ones(len(presence), bool)
        trials = np.repeat(tried[:, None], len(seeds), axis=1)
        for m in range(len(model.variants)):
            yield _tried(experiment, m, np.stack([f[:, m] for f in found], axis=1), trials)


def _one_of(allowed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one random allowed class of each image, [N]."""
    return np.where(allowed, rng.random(allowed.shape, np.float32), -1).argmax(1)


def _differences(
    model: ContextModel, presence: np.ndarray, images: np.ndarray, changed: np.ndarray, value: int
) -> np.ndarray:
    """Return input - output, [M, n, C], after setting class ``changed[i]`` of ``images[i]`` to ``value``."""
    altered = presence[images].copy()
    altered[np.arange(len(images)), changed] = value
    return altered - model.predict_proba(altered)


def _tried(experiment: str, variant: int, found: np.ndarray, trials: np.ndarray) -> _Tried:
    """Sum up [N, D] trials, and those of them that were found."""
    return _Tried(experiment, variant, found.sum(0), trials.sum(0), found.sum(1), trials.sum(1))
