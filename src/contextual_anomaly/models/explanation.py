"""Why a class is expected or not: what each other class adds to its log-odds.

A base, the weights of the classes that are there and a rest add up to the log-odds. Of linear families the weights are
exact as they stand. Of others they are Shapley values: of mixtures with what is not looked at summed over, of networks
and ensembles with what is not looked at absent.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.models import shapley
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.bernoulli_mixture import BernoulliMixture
from contextual_anomaly.models.linear import Linear

PLAYERS = 7  # classes that are weighed: the others that matter least alone are there from the start
ROWS = 8192  # scenes asked about at a time
SHOWN = 4  # classes in a text, the weightiest
LEAST = 0.05  # weights below are not worth a word


@dataclass(frozen=True)
class Explanation:
    """Of F questions about one class each."""

    log_odds: np.ndarray  # [F]
    base: np.ndarray  # [F] before any other class is looked at
    weights: np.ndarray  # [F, C], 0 for classes that are not there
    rest: np.ndarray  # [F] what is left: absent classes, and those beyond the players

    def parts(self, question: int, classes: tuple[str, ...]) -> list[tuple[str, float]]:
        """Names and weights that add up to the log-odds: "(base)", the classes that are there, "(rest)"."""
        there = np.flatnonzero(self.weights[question])
        named = [(classes[c], float(self.weights[question, c])) for c in there]
        return [("(base)", float(self.base[question])), *named, ("(rest)", float(self.rest[question]))]

    def text(self, question: int, classes: tuple[str, ...]) -> str:
        """In words: "fork +1.9, knife +1.2, surfboard -0.3"."""
        weights = self.weights[question]
        order = np.argsort(-np.abs(weights), kind="stable")[:SHOWN]
        return ", ".join(f"{classes[c]} {weights[c]:+.1f}" for c in order if abs(weights[c]) >= LEAST)


def explain(
    model: ContextModel, variant: int, evidence: np.ndarray, asked: np.ndarray, geometry: np.ndarray | None = None
) -> Explanation:
    """What the model's answers are made of.

    Args:
        evidence: [F, C] the scene of each question.
        asked: [F] the class that is asked for; its own evidence does not count.
        geometry: [F, A, F'] of the scenes.
    """
    evidence = np.array(evidence, np.float32)
    rows = np.arange(len(asked))
    evidence[rows, asked] = 0
    odds = model.log_odds(evidence, geometry)[variant][rows, asked].astype(np.float64)
    if isinstance(model, Linear):
        weights, base = model.contributions(evidence, asked)
        return Explanation(odds, base, weights, odds - base - weights.sum(1))
    if isinstance(model, BernoulliMixture):
        base, weights = model.shapley(variant, evidence, asked)
        return Explanation(odds, base, weights, odds - base - weights.sum(1))
    return _shapley(model, variant, evidence, asked, geometry, odds)


def _shapley(model, variant, evidence, asked, geometry, odds) -> Explanation:
    alone = model.log_odds(np.vstack([np.zeros(len(model.classes)), np.eye(len(model.classes))]))[variant]
    effect = np.abs(alone[1:, asked].T - alone[0, asked][:, None]) * (evidence > 0)
    players = np.minimum((evidence > 0).sum(1), PLAYERS)
    strongest = np.argsort(-effect, axis=1, kind="stable")[:, :PLAYERS]
    base, weights = odds.copy(), np.zeros(evidence.shape)
    for count in np.unique(players[players > 0]):
        sets = shapley.coalitions(count)
        questions = np.flatnonzero(players == count)
        for some in np.split(questions, range(ROWS // len(sets) + 1, len(questions), ROWS // len(sets) + 1)):
            chosen = strongest[some, :count]
            scenes = np.repeat(evidence[some, None], len(sets), axis=1)  # [n, 2^m, C]
            kept = np.where(sets[None], np.take_along_axis(evidence[some], chosen, axis=1)[:, None], 0)
            np.put_along_axis(scenes, np.broadcast_to(chosen[:, None], kept.shape), kept, axis=2)
            of_sets = None if geometry is None else np.repeat(geometry[some], len(sets), axis=0)
            answers = model.log_odds(scenes.reshape(-1, scenes.shape[2]), of_sets)[variant]
            worth = answers[np.arange(len(answers)), np.repeat(asked[some], len(sets))].reshape(len(some), -1)
            weights[some[:, None], chosen] = shapley.values(worth.astype(np.float64), count)
            base[some] = worth[:, 0]
    return Explanation(odds, base, weights, odds - base - weights.sum(1))
