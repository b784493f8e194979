"""Explain why a class is likely or not: what each present class adds to its log-odds.

A base, the attributions of the present classes and a rest add up to the log-odds. A model with `contributions` says what
they are: linear families exactly, mixtures as Shapley values that sum over the classes that a coalition leaves out. For
all other models they are Shapley values that take the classes that a coalition leaves out as absent.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Float, Int, Shaped
from contextual_anomaly.models import shapley
from contextual_anomaly.models.base import ContextModel, WithContributions

PLAYERS = 7  # classes that get a Shapley value; those that matter less on their own are present in every coalition
SCENES_AT_ONCE = 8192  # scenes in one call of the model: bounds the memory
CLASSES_IN_TEXT = 4
LEAST_IN_TEXT = 0.05  # smaller attributions (in log-odds) are left out of the text


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
        return [("(base)", float(self.base[answer])), *named, ("(rest)", float(self.rest[answer]))]

    def text(self, answer: int, classes: tuple[str, ...]) -> str:
        """Return the largest attributions in words: "fork +1.9, knife +1.2, surfboard -0.3"."""
        attributions = self.attributions[answer]
        order = np.argsort(-np.abs(attributions), kind="stable")[:CLASSES_IN_TEXT]
        return ", ".join(f"{classes[c]} {attributions[c]:+.1f}" for c in order if abs(attributions[c]) >= LEAST_IN_TEXT)


def explain(
    model: ContextModel,
    variant: int,
    presence: Shaped[np.ndarray, "F C"],
    target: Int[np.ndarray, " F"],
    geometry: Float[np.ndarray, "F A G"] | None = None,
) -> Explanation:
    """Explain the answers of a model.

    Args:
        model: the model.
        variant: index of the variant that answers.
        presence: [F, C] the scene of each answer; the presence of the target itself does not count.
        target: [F] index of the class that each answer is about.
        geometry: [F, A, G] of the scenes.
    """
    presence = np.array(presence, np.float32)
    rows = np.arange(len(target))
    presence[rows, target] = 0
    log_odds = model.log_odds(presence, geometry)[variant][rows, target].astype(np.float64)
    if isinstance(model, WithContributions):
        base, attributions = model.contributions(variant, presence, target)
    else:
        base, attributions = _shapley(model, variant, presence, target, geometry, log_odds)
    return Explanation(log_odds, base, attributions, log_odds - base - attributions.sum(1))


def _shapley(
    model: ContextModel,
    variant: int,
    presence: np.ndarray,
    target: np.ndarray,
    geometry: np.ndarray | None,
    log_odds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return base [F] and Shapley values [F, C] of the classes that matter most on their own."""
    alone = model.log_odds(np.vstack([np.zeros(len(model.classes)), np.eye(len(model.classes))]))[variant]
    effect = np.abs(alone[1:, target].T - alone[0, target][:, None]) * (presence > 0)
    players = np.minimum((presence > 0).sum(1), PLAYERS)
    strongest = np.argsort(-effect, axis=1, kind="stable")[:, :PLAYERS]
    base, attributions = log_odds.copy(), np.zeros(presence.shape)
    for count in np.unique(players[players > 0]).tolist():
        sets = shapley.coalitions(count)
        answers_at_once = SCENES_AT_ONCE // len(sets) + 1
        answers = np.flatnonzero(players == count)
        for part in np.split(answers, range(answers_at_once, len(answers), answers_at_once)):
            chosen = strongest[part, :count]
            scenes = np.repeat(presence[part, None], len(sets), axis=1)  # [n, 2^m, C]
            kept = np.where(sets[None], np.take_along_axis(presence[part], chosen, axis=1)[:, None], 0)
            np.put_along_axis(scenes, np.broadcast_to(chosen[:, None], kept.shape), kept, axis=2)
            repeated = None if geometry is None else np.repeat(geometry[part], len(sets), axis=0)
            of_sets = model.log_odds(scenes.reshape(-1, scenes.shape[2]), repeated)[variant]
            worth = of_sets[np.arange(len(of_sets)), np.repeat(target[part], len(sets))].reshape(len(part), -1)
            attributions[part[:, None], chosen] = shapley.values(worth.astype(np.float64), count)
            base[part] = worth[:, 0]
    return base, attributions
