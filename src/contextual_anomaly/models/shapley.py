"""Shapley values (Shapley 1953) of a few players, exactly: what each adds, averaged over all orders of joining."""

from functools import cache
from math import comb

import numpy as np

from contextual_anomaly.array_types import Bool, Float


def coalitions(players: int) -> Bool[np.ndarray, "S m"]:
    """Return every set of m players, as [2^m, m] booleans."""
    return ((np.arange(2**players)[:, None] >> np.arange(players)) & 1) > 0


@cache
def _share_of_coalitions(players: int) -> Float[np.ndarray, "S m"]:
    """Return what the worth of each coalition counts in the value of each player; read-only, for it is kept."""
    member = coalitions(players)
    size = member.sum(1)
    # The share of orders in which a given coalition of k is complete when a player joins it.
    share = 1 / (players * np.array([comb(players - 1, k) for k in range(players)]))
    joined = np.where(member, share[np.maximum(size - 1, 0)][:, None], 0)
    before = np.where(member, 0, share[np.minimum(size, players - 1)][:, None])
    counted = joined - before
    counted.flags.writeable = False
    return counted


def values(worth: Float[np.ndarray, "*n S"], players: int) -> Float[np.ndarray, "*n m"]:
    """Return the Shapley values of m players.

    Args:
        worth: [..., 2^m], what each of the `coalitions` is worth.
        players: m.

    Returns:
        [..., m]; they add up to the difference between all players and none.
    """
    return worth @ _share_of_coalitions(players)
