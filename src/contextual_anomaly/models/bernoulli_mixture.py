"""Exact conditionals of a mixture of independent classes: what a fitted mixture and the synthetic world's oracle share."""

from functools import cached_property

import numpy as np

from contextual_anomaly.models import shapley
from contextual_anomaly.models.base import Conditional

PLAYERS = 8  # of a Shapley value: the classes that are there beyond seven, and all that are not, count as one
ROWS = 512  # scenes at a time where evidence is fractional: [512, K, C] of doubles is 50 MB


class BernoulliMixture(Conditional):
    """Bayes' rule over K scene types, each with independent classes; M mixtures of the same K.

    With weight w_k and presence probability p_kc, P(x_c = 1 | x_-c) = Σ_k w_k L_k/l_kc · p_kc / Σ_k w_k L_k/l_kc, where
    l_kc = p_kc or 1 - p_kc is the likelihood of what is seen of class c and L_k = Π_c l_kc: leaving a class out is
    dividing by its own factor.

    Evidence strictly between 0 and 1 is virtual evidence (Pearl 1988): an observation e times as likely where the class
    is present as 1 - e where it is absent, so that 0.5 says nothing.
    """

    classes: tuple[str, ...]
    weight: np.ndarray  # [M, K] float64
    probability: np.ndarray  # [M, K, C] float64, strictly between 0 and 1

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C] float32."""
        evidence = np.asarray(evidence, np.float64)
        if evidence.ndim != 2 or evidence.shape[1] != len(self.classes):
            raise ValueError(f"evidence is {evidence.shape}, [N, {len(self.classes)}] was expected")
        sharp = ((evidence == 0) | (evidence == 1)).all(1)
        doubtful = np.flatnonzero(~sharp)
        odds = np.empty((len(self.weight), *evidence.shape), np.float32)
        for m, (weight, p) in enumerate(zip(self.weight, self.probability, strict=True)):
            odds[m, sharp] = _of_presence(*self._factors[m], evidence[sharp])
            for rows in np.split(doubtful, range(ROWS, len(doubtful), ROWS)):
                odds[m, rows] = _of_doubts(weight, p, evidence[rows])
        return odds

    @cached_property
    def _factors(self) -> list[tuple[np.ndarray, ...]]:
        """Of each variant, what `_of_presence` takes: asked about one scene after another, it is made once."""
        return [
            (np.log(weight) + np.log1p(-p).sum(1), (np.log(p) - np.log1p(-p)).T, p / (1 - p), (1 - p) / p)
            for weight, p in zip(self.weight, self.probability, strict=True)
        ]

    def shapley(self, variant: int, evidence: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values of the classes that are there, exactly: what is not looked at is summed over.

        Args:
            evidence: [N, C] of 0 and 1.
            asked: [N] the class whose log-odds are explained, which is not looked at.

        Returns:
            the log-odds [N] before any class is looked at, and values [N, C]. Where more classes are there than seven,
            those that matter least alone have none; they are left with the absent ones.
        """
        weight, p = self.weight[variant], self.probability[variant]
        there = evidence > 0
        there[np.arange(len(asked)), asked] = False
        base = _given(np.log(weight)[None], p[:, asked].T)
        alone = np.zeros(there.shape)
        row, column = np.nonzero(there)
        alone[row, column] = np.abs(_given(np.log(weight) + np.log(p[:, column]).T, p[:, asked[row]].T) - base[row])
        players = np.minimum(there.sum(1), PLAYERS - 1)
        strongest = np.argsort(-alone, axis=1, kind="stable")[:, : PLAYERS - 1]
        values = np.zeros(there.shape)
        for count in np.unique(players[players > 0]):
            scenes = np.flatnonzero(players == count)
            for rows in np.split(scenes, range(64, len(scenes), 64)):
                chosen = strongest[rows, :count]
                rest = np.where(there[rows, :, None], np.log(p.T), np.log1p(-p.T))  # [n, C, K]
                others = np.ones((len(rows), len(self.classes)), bool)
                np.put_along_axis(others, chosen, False, axis=1)
                others[np.arange(len(rows)), asked[rows]] = False
                terms = np.concatenate(
                    [np.log(p.T)[chosen], (rest * others[:, :, None]).sum(1, keepdims=True)], axis=1
                )  # [n, count + 1, K]
                # All coalitions at once; a player who is not in one is not looked at.
                looked_at = np.einsum("sm,nmk->nsk", shapley.coalitions(count + 1).astype(float), terms)
                worth = _given(np.log(weight) + looked_at, p[:, asked[rows]].T[:, None])
                values[rows[:, None], chosen] = shapley.values(worth, count + 1)[:, :count]
        return base, values


def _given(log_share: np.ndarray, p: np.ndarray) -> np.ndarray:
    """[...] log-odds of a class of presence probability p [..., K] given the scene types' shares."""
    share = np.exp(log_share - log_share.max(-1, keepdims=True))
    return np.log((share * p).sum(-1)) - np.log((share * (1 - p)).sum(-1))


def _of_presence(nothing: np.ndarray, logit: np.ndarray, odds: np.ndarray, against: np.ndarray, x: np.ndarray):
    """[N, C] from x [N, C] of 0 and 1: three matrix products.

    Where c is seen, Σ share·p/p = Σ share against Σ share·(1 - p)/p; where it is not, Σ share·p/(1 - p) against Σ share.

    Args:
        nothing: [K] log w_k P(no class | k); logit: [C, K] of p; odds, against: [K, C] p/(1 - p) and (1 - p)/p.
    """
    share = _share(nothing + x @ logit)
    whole = share.sum(1, keepdims=True)
    seen = np.nonzero(x)
    found = share @ odds / whole
    found[seen] = whole[seen[0], 0] / (share @ against)[seen]
    return np.log(found)


def _of_doubts(weight: np.ndarray, p: np.ndarray, e: np.ndarray) -> np.ndarray:
    """[N, C] from e [N, C] anywhere in 0 to 1."""
    likelihood = p * e[:, None] + (1 - p) * (1 - e[:, None])  # [N, K, C]
    without = _share(np.log(weight) + np.log(likelihood).sum(2))[:, :, None] / likelihood
    return np.log((without * p).sum(1)) - np.log((without * (1 - p)).sum(1))


def _share(log_joint: np.ndarray) -> np.ndarray:
    """[N, K] in proportion to exp(log_joint), the largest of each row 1.

    What underflows to 0 here is 1e-300 of the largest; dividing by one class's factor (1e-5 at least) cannot bring it
    back into a double's 16 digits.
    """
    return np.exp(log_joint - log_joint.max(1, keepdims=True))
