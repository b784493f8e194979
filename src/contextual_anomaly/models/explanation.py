"""Explain why a class is likely or not: what each present class adds to its log-odds.

A base, the attributions of the present classes and a rest add up to the log-odds. A model with `contributions` says what
they are: linear families exactly, mixtures as Shapley values that sum over the classes that a coalition leaves out. For
all other models they are Shapley values that take the classes that a coalition leaves out as absent.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Float, Int, Shaped
from contextual_anomaly.models import shapley
from contextual_anomaly.models.attributions import BASE, REST, in_words
from contextual_anomaly.models.base import ContextModel, Geometry, WithContributions, log_odds_of_subsets
from contextual_anomaly.scene_objects import SceneObjects

PLAYERS = 7  # classes that get a Shapley value; those that matter less on their own are present in every coalition


@dataclass(frozen=True)
class Explanation:
    """What F answers, about one class of one scene each, are made of.

    Attributes:
        log_odds: [F] the answers.
        base: [F] log-odds before any other class is taken into account.
        attributions: [F, C] what each class adds, 0 for absent classes.
        rest: [F] what remains: absent classes, and present ones beyond the most influential.
    """

    log_odds: Float[np.ndarray, " F"]
    base: Float[np.ndarray, " F"]
    attributions: Float[np.ndarray, "F C"]
    rest: Float[np.ndarray, " F"]

    def parts(self, answer: int, classes: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return names and numbers that add up to the log-odds: "(base)", the present classes, "(rest)"."""
        present = np.flatnonzero(self.attributions[answer])
        named = [(classes[c], float(self.attributions[answer, c])) for c in present]
        return [(BASE, float(self.base[answer])), *named, (REST, float(self.rest[answer]))]

    def text(self, answer: int, classes: tuple[str, ...]) -> str:
        """Return the largest attributions in words: "fork +1.9, knife +1.2, surfboard -0.3"."""
        return in_words(self.parts(answer, classes))


def explain(
    model: ContextModel,
    variant: int,
    presence: Shaped[np.ndarray, "F C"],
    target: Int[np.ndarray, " F"],
    geometry: Geometry | None = None,
    least: float = 0.0,
) -> Explanation:
    """Explain the answers of a model.

    Args:
        model: the model.
        variant: index of the variant that answers.
        presence: [F, C] the scene of each answer; the presence of the target itself does not count.
        target: [F] index of the class that each answer is about.
        geometry: of the F scenes.
        least: classes that are less probably present get no Shapley value; what they add is part of the base.
    """
    presence = np.array(presence, np.float32)
    if not hasattr(model, "contributions"):  # isinstance of a protocol takes longer than some answers
        return _shapley(model, variant, presence, target, geometry, least)
    assert isinstance(model, WithContributions)
    rows = np.arange(len(target))
    presence[rows, target] = 0
    log_odds = model.log_odds(presence, geometry)[variant][rows, target].astype(np.float64)
    base, attributions = model.contributions(variant, presence, target)
    return Explanation(log_odds, base, attributions, log_odds - base - attributions.sum(1))


def _shapley(
    model: ContextModel,
    variant: int,
    presence: np.ndarray,
    target: np.ndarray,
    geometry: Geometry | None,
    least: float,
) -> Explanation:
    """Explain by Shapley values of the classes that matter most on their own; answers about one scene together."""
    base, log_odds = np.empty((2, len(target)))
    attributions = np.zeros(presence.shape)
    for rows in _of_one_scene(presence, geometry):
        first = rows[0]
        where = geometry
        if geometry is not None:
            where = geometry[rows[:1]] if isinstance(geometry, SceneObjects) else geometry[first]
        there = presence[first] > 0
        pool = np.flatnonzero(there & (presence[first] >= least))
        always = np.flatnonzero(there & (presence[first] < least))
        together = len(pool) <= PLAYERS + 1 and len(rows) > 1
        subsets, worth = np.empty((0, 0), bool), np.empty((0, 0))
        if together:
            subsets = _subsets(pool, always, presence.shape[1])
            worth = log_odds_of_subsets(model, presence[first], subsets, target[rows], where)[variant]
        choosing = any(np.count_nonzero(pool != asked) > PLAYERS for asked in target[rows])
        effects = _effects(model, variant, pool, target[rows]) if choosing else np.empty((0, 0))
        for number, row in enumerate(rows):
            asked = int(target[row])
            others = pool[pool != asked]
            players = others
            if len(others) > PLAYERS:
                strongest = np.argsort(-effects[pool != asked, number], kind="stable")[:PLAYERS]
                players = np.sort(others[strongest])
            weaker = others[~np.isin(others, players)]
            if together and asked not in always:
                of_sets = worth[~subsets[:, asked] & subsets[:, weaker].all(1), number]
            else:
                fixed = np.append(always[always != asked], weaker)
                own = _subsets(players, fixed, presence.shape[1])
                answer = log_odds_of_subsets(model, presence[row], own, target[row : row + 1], where)
                of_sets = answer[variant, :, 0]
            of_sets = of_sets.astype(np.float64)
            base[row], log_odds[row] = of_sets[0], of_sets[-1]
            if len(players):
                attributions[row, players] = shapley.values(of_sets, len(players))
    return Explanation(log_odds, base, attributions, log_odds - base - attributions.sum(1))


def _of_one_scene(presence: np.ndarray, geometry: Geometry | None) -> list[np.ndarray]:
    """Return the rows of each run of equal scenes."""
    new = (presence[1:] != presence[:-1]).any(1)
    if isinstance(geometry, SceneObjects):
        new |= ~geometry.as_before()
    elif geometry is not None:
        same = (geometry[1:] == geometry[:-1]) | (np.isnan(geometry[1:]) & np.isnan(geometry[:-1]))
        new |= ~same.all((1, 2))
    return [rows for rows in np.split(np.arange(len(presence)), np.flatnonzero(new) + 1) if len(rows)]


def _subsets(players: np.ndarray, always: np.ndarray, classes: int) -> np.ndarray:
    """Return [2^m, C] every set of the players, in the order of `shapley.coalitions`, each with the same others."""
    sets = shapley.coalitions(len(players))
    subsets = np.zeros((len(sets), classes), bool)
    subsets[:, always] = True
    subsets[:, players] = sets
    return subsets


def _effects(model: ContextModel, variant: int, classes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return [m, T] how much each of some classes, on its own, changes the log-odds of each target."""
    alone = np.zeros((1 + len(classes), len(model.classes)), bool)
    alone[1 + np.arange(len(classes)), classes] = True
    log_odds = log_odds_of_subsets(model, np.ones(len(model.classes), np.float32), alone, targets)[variant]
    return np.abs(log_odds[1:] - log_odds[0])
