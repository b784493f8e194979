"""Shapley values (Shapley 1953) of a few players, exactly: what each adds on average over all orders of joining."""

from math import comb

import numpy as np


def coalitions(players: int) -> np.ndarray:
    """[2^m, m] bool: every set of m players."""
    return ((np.arange(2**players)[:, None] >> np.arange(players)) & 1) > 0


def values(worth: np.ndarray, players: int) -> np.ndarray:
    """[..., m] values that add up to the difference between all players and none.

    Args:
        worth: [..., 2^m] of each of `coalitions`.
    """
    variant = coalitions(players)
    size = variant.sum(1)
    # The share of orders in which a given coalition of k is there when a player joins it.
    share = 1 / (players * np.array([comb(players - 1, k) for k in range(players)]))
    joined = np.where(variant, share[np.maximum(size - 1, 0)][:, None], 0)
    before = np.where(variant, 0, share[np.minimum(size, players - 1)][:, None])
    return worth @ (joined - before)
