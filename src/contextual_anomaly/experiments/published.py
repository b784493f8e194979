"""Experiment 1 as the original code does it, quirks included (Blaha, Broughton, Krajník 2020).

The original takes positions in its list of class ids for class indices, so that its "20 least common classes" are the
positions 0 to 18 and its "any class" the positions 0 to 76; both are repeated here. Each autoencoder also chooses the
images that its removals are tried on. Beside these two quirks stand the same experiments without them: the classes that
are truly the 20 rarest, and removals from all images. The measures have no false-alarm term: the corrected protocol has.

A trial of one class added or taken out does not depend on the draw that it is in. So each is evaluated once, in
`ContextModel.toggled`, and a draw is a choice among answers that are known already.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.stats.bootstrap import Bootstrap

INJECTED_BELOW = 0.5  # an added class is found where its expectation is below
REMOVED_ABOVE = 0.25  # a class taken out is found where its expectation is above
FAITHFUL_WITHIN = 0.5  # removal looks only at images that the model reconstructs within this
POSITIONS = {"inject_20_least_common_label": 19, "inject_any": 77}  # positions 0 … n - 1
INJECT_RAREST = "inject_20_rarest"  # what the first of them was meant to be
REMOVE_ALL = "remove_all_images"  # removal without the choice of images
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
    found: np.ndarray  # [draws] trials found
    trials: np.ndarray  # [draws]
    images: int
    low: float
    high: float


def rarest_classes(train_frequency: np.ndarray) -> np.ndarray:
    """[RAREST] class indices, the rarest first.

    Args:
        train_frequency: [C] training images that hold each class.
    """
    return np.argsort(train_frequency, kind="stable")[:RAREST]


def run(
    model: ContextModel, presence: np.ndarray, train_frequency: np.ndarray, draws: int, seed: int, resamples: int
) -> Iterator[Outcome]:
    """All four parts for every variant, and the two without quirks; every variant sees the same draws.

    Args:
        presence: [N, C] float of 0 and 1, the validation scenes.
        train_frequency: [C] training images that hold each class.
        draws: random draws, each with its own seed.
        resamples: of the bootstrap over images.
    """
    bootstrap = Bootstrap(len(presence), resamples, seed)
    seeds = [[seed, draw] for draw in range(draws)]
    yield from _single_classes(model, presence, rarest_classes(train_frequency), seeds, bootstrap)
    yield from _most(model, presence, seeds, bootstrap)


def _single_classes(model, presence, rarest, seeds, bootstrap) -> Iterator[Outcome]:
    """Inject and remove: is the changed class found by its own expectation?"""
    present = presence > 0
    classes = present.sum(1)
    toggled = model.predict_proba_toggled(presence)  # [M, N, C]
    faithful = (np.abs(presence - model.predict_proba(presence)) <= FAITHFUL_WITHIN).all(2)  # [M, N]

    candidates = {name: np.arange(min(count, presence.shape[1])) for name, count in POSITIONS.items()}
    for experiment, classes_of in (candidates | {INJECT_RAREST: rarest}).items():
        chosen = np.zeros((len(seeds), presence.shape[1]), np.float32)  # [draws, C]
        for draw, entropy in enumerate(seeds):
            size = min(CLASSES_DRAWN, len(classes_of))
            chosen[draw, np.random.default_rng(entropy).choice(classes_of, size, replace=False)] = 1
        absent = (~present & (classes >= INJECT_MINIMUM)[:, None]).astype(np.float32)
        for m in range(len(model.variants)):
            found = absent * (toggled[m] < INJECTED_BELOW)
            # [N, C] @ [C, draws]: how many of a draw's classes each image lacks, and in how many that is seen.
            yield _outcome(experiment, m, found @ chosen.T, absent @ chosen.T, bootstrap)

    several = present & (classes >= REMOVE_MINIMUM)[:, None]
    removed = np.stack([_some_present(several, np.random.default_rng(entropy)) for entropy in seeds])  # [draws, N, C]
    for m in range(len(model.variants)):
        found = np.einsum("dnc,nc->nd", removed, toggled[m] > REMOVED_ABOVE, dtype=np.float32)
        tried = removed.sum(2).T
        eligible = faithful[m][:, None]
        yield _outcome("remove", m, found * eligible, tried * eligible, bootstrap)
        yield _outcome(REMOVE_ALL, m, found, tried, bootstrap)


def _some_present(present: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N, C] bool: `REMOVED_EACH` random classes of those present in each image."""
    key = np.where(present, rng.random(present.shape, np.float32), -1)
    place = np.argpartition(-key, REMOVED_EACH - 1, axis=1)[:, :REMOVED_EACH]
    chosen = np.zeros_like(present)
    np.put_along_axis(chosen, place, True, axis=1)
    return chosen & present


def _most(model, presence, seeds, bootstrap) -> Iterator[Outcome]:
    """Inject-most and remove-most: does the changed class differ most of all from its expectation?"""
    rows = {name: [] for name in ("inject_most_unexpected", "inject_most_anomalous_outright", "remove_most")}
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
            yield _outcome(experiment, m, np.stack([f[:, m] for f in found], axis=1), trials, bootstrap)


def _one_of(allowed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N] one random allowed class of each image."""
    return np.where(allowed, rng.random(allowed.shape, np.float32), -1).argmax(1)


def _differences(model, presence, images, changed, value) -> np.ndarray:
    """[M, n, C] input - output after setting class ``changed[i]`` of ``images[i]`` to ``value``."""
    evidence = presence[images].copy()
    evidence[np.arange(len(images)), changed] = value
    return evidence - model.predict_proba(evidence)


def _outcome(experiment, variant, found: np.ndarray, trials: np.ndarray, bootstrap: Bootstrap) -> Outcome:
    """From [N, draws] of found and tried."""
    tried = trials.sum(1)
    low, high = bootstrap.of_share(found.sum(1), tried)
    return Outcome(experiment, variant, found.sum(0), trials.sum(0), int((tried > 0).sum()), low, high)
