"""Exact conditionals of a mixture of independent classes: the fitted mixture and the synthetic world's oracle share them."""

from functools import cached_property

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int, Shaped
from contextual_anomaly.models import shapley
from contextual_anomaly.models.base import Conditional, Geometry, PerVariant, Presence, SceneGeometry, Variant

PLAYERS = 8  # of a Shapley value: the seven most influential present classes, and all other classes together as one
SCENES_AT_ONCE = 512  # where presence is fractional: [512, K, C] of doubles is 50 MB


class BernoulliMixture(Conditional):
    """Bayes' rule over K scene types, each with independent classes; M mixtures of the same K.

    With weight w_k and presence probability p_kc, P(x_c = 1 | x_-c) = Σ_k w_k L_k/l_kc · p_kc / Σ_k w_k L_k/l_kc, where
    l_kc = p_kc or 1 - p_kc is the likelihood of the presence of class c and L_k = Π_c l_kc: leaving a class out is
    dividing by its factor.

    A presence strictly between 0 and 1 is virtual evidence (Pearl 1988): an observation e times as likely where the class
    is present as 1 - e where it is absent, so that 0.5 carries no information.

    Attributes:
        weight: [M, K] float64 shares of the scene types.
        probability: [M, K, C] float64 P(class present | scene type), strictly between 0 and 1.
    """

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        variants: tuple[Variant, ...],
        weight: Shaped[np.ndarray, "M K"],
        probability: Shaped[np.ndarray, "M K C"],
    ) -> None:
        """Make M mixtures.

        Args:
            name: the model's name.
            classes: C class names.
            variants: one for each mixture.
            weight: [M, K] shares of the scene types.
            probability: [M, K, C] P(class present | scene type).
        """
        self.name = name
        self.classes = classes
        self.variants = variants
        self.weight = weight.astype(np.float64)
        self.probability = probability.astype(np.float64)

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] log-odds, see `ContextModel`.

        Raises:
            ValueError: presence is not [N, C].
        """
        presence = np.asarray(presence, np.float64)
        if presence.ndim != 2 or presence.shape[1] != len(self.classes):
            raise ValueError(f"presence is {presence.shape}, [N, {len(self.classes)}] was expected")
        certain = ((presence == 0) | (presence == 1)).all(1)
        fractional = np.flatnonzero(~certain)
        result = np.empty((len(self.weight), *presence.shape), np.float32)
        for m, (weight, p) in enumerate(zip(self.weight, self.probability, strict=True)):
            result[m, certain] = _of_certain(*self._factors[m], presence[certain])
            for rows in np.split(fractional, range(SCENES_AT_ONCE, len(fractional), SCENES_AT_ONCE)):
                result[m, rows] = _of_fractional(weight, p, presence[rows])
        return result

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`."""
        there = np.flatnonzero(subsets.any(0) & (presence > 0))
        member, e = subsets[:, there].astype(np.float64), np.asarray(presence[there], np.float64)
        found = []
        for p, (empty, _, odds, _) in zip(self.probability, self._factors, strict=True):
            seen = p[:, there]
            likelihood = seen * e + (1 - seen) * (1 - e)
            share = _share(empty + member @ (np.log(likelihood) - np.log1p(-seen)).T)  # [S, K]
            found.append(np.log(share @ odds[:, targets] / share.sum(1, keepdims=True)))
        return np.stack(found).astype(np.float32)

    @cached_property
    def _factors(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """The arguments of `_of_certain` for each variant, computed once for all later calls."""
        return [
            (np.log(weight) + np.log1p(-p).sum(1), (np.log(p) - np.log1p(-p)).T, p / (1 - p), (1 - p) / p)
            for weight, p in zip(self.weight, self.probability, strict=True)
        ]

    def contributions(
        self, variant: int, presence: Presence, target: Int[np.ndarray, " N"]
    ) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N C"]]:
        """Return exact Shapley values, see `WithContributions`; classes that a coalition leaves out are summed over.

        Where more than seven classes are present, only the seven that change the log-odds most on their own get a
        value. The others count among the absent classes, which are the eighth player.
        """
        weight, p = self.weight[variant], self.probability[variant]
        present = presence > 0
        present[np.arange(len(target)), target] = False
        base = _log_odds_given(np.log(weight)[None], p[:, target].T)
        alone = np.zeros(present.shape)
        row, column = np.nonzero(present)
        alone[row, column] = np.abs(
            _log_odds_given(np.log(weight) + np.log(p[:, column]).T, p[:, target[row]].T) - base[row]
        )
        players = np.minimum(present.sum(1), PLAYERS - 1)
        strongest = np.argsort(-alone, axis=1, kind="stable")[:, : PLAYERS - 1]
        values = np.zeros(present.shape)
        for count in np.unique(players[players > 0]).tolist():
            scenes = np.flatnonzero(players == count)
            for rows in np.split(scenes, range(64, len(scenes), 64)):
                chosen = strongest[rows, :count]
                log_likelihood = np.where(present[rows, :, None], np.log(p.T), np.log1p(-p.T))  # [n, C, K]
                others = np.ones((len(rows), len(self.classes)), bool)
                np.put_along_axis(others, chosen, False, axis=1)
                others[np.arange(len(rows)), target[rows]] = False
                terms = np.concatenate(
                    [np.log(p.T)[chosen], (log_likelihood * others[:, :, None]).sum(1, keepdims=True)], axis=1
                )  # [n, count + 1, K]
                # All coalitions at once: the terms of the players that are in each.
                joint = np.einsum("sm,nmk->nsk", shapley.coalitions(count + 1).astype(float), terms)
                worth = _log_odds_given(np.log(weight) + joint, p[:, target[rows]].T[:, None])
                values[rows[:, None], chosen] = shapley.values(worth, count + 1)[:, :count]
        return base, values


def _log_odds_given(log_share: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return [...] log-odds of a class with presence probability p [..., K] given the scene types' log shares."""
    share = np.exp(log_share - log_share.max(-1, keepdims=True))
    return np.log((share * p).sum(-1)) - np.log((share * (1 - p)).sum(-1))


def _of_certain(
    empty: Float[np.ndarray, " K"],
    logit: Float[np.ndarray, "C K"],
    odds: Float[np.ndarray, "K C"],
    odds_against: Float[np.ndarray, "K C"],
    x: Float[np.ndarray, "N C"],
) -> Float[np.ndarray, "N C"]:
    """Return the log-odds of scenes of 0 and 1, by three matrix products.

    Where c is present, they are Σ share·p/p against Σ share·(1 - p)/p; where it is absent, Σ share·p/(1 - p) against
    Σ share.

    Args:
        empty: [K] log of w_k P(no class present | k).
        logit: [C, K] log p/(1 - p).
        odds: [K, C] p/(1 - p).
        odds_against: [K, C] (1 - p)/p.
        x: [N, C], 0 or 1.
    """
    share = _share(empty + x @ logit)
    total = share.sum(1, keepdims=True)
    present = np.nonzero(x)
    ratio = share @ odds / total
    ratio[present] = total[present[0], 0] / (share @ odds_against)[present]
    return np.log(ratio)


def _of_fractional(
    weight: Float[np.ndarray, " K"], p: Float[np.ndarray, "K C"], e: Float[np.ndarray, "N C"]
) -> Float[np.ndarray, "N C"]:
    """Return the log-odds of scenes with a presence e anywhere from 0 to 1."""
    likelihood = p * e[:, None] + (1 - p) * (1 - e[:, None])  # [N, K, C]
    without = _share(np.log(weight) + np.log(likelihood).sum(2))[:, :, None] / likelihood
    return np.log((without * p).sum(1)) - np.log((without * (1 - p)).sum(1))


def _share(log_joint: np.ndarray) -> np.ndarray:
    """Return [N, K] in proportion to exp(log_joint), the largest of each row 1.

    What underflows to 0 here is 1e-300 of the largest; dividing by one class's factor (1e-5 at least) cannot bring it
    back into a double's 16 digits.
    """
    return np.exp(log_joint - log_joint.max(1, keepdims=True))
