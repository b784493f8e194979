"""The tree of Chow and Liu (1968): the most likely distribution in which the classes depend on each other as a tree."""

from typing import Literal

import numpy as np

from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.linear import Linear, load_linear
from contextual_anomaly.models.settings import Positive, Section


class Settings(Section):
    """Smoothing."""

    family: Literal["chow_liu"]
    # Pseudo-count: number of images, distributed as if classes were independent, added to each pair of classes.
    smoothing: Positive = 10.0


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Find the spanning tree of greatest mutual information.

    In a tree, P(x) = Π_edges P(x_i, x_j) · Π_i P(x_i)^(1 - degree), so that a class depends on its neighbours alone, and
    each adds log P(x_j | c) / P(x_j | not c): linear in the presence, as in naive Bayes, over fewer classes.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    presence = data.presence.astype(np.float64)
    images = len(presence) + settings.smoothing
    share = (presence.sum(0) + 0.5) / (len(presence) + 1)
    both = (presence.T @ presence + settings.smoothing * np.outer(share, share)) / images
    own = (presence.sum(0) + settings.smoothing * share) / images
    # [C, C, 2, 2] joint probabilities of each pair, absent before present.
    joint = np.stack(
        [
            np.stack([1 - own[:, None] - own + both, own[None, :] - both], axis=-1),
            np.stack([own[:, None] - both, both], axis=-1),
        ],
        axis=-2,
    )
    marginal = np.stack([1 - own, own], axis=-1)
    independent = marginal[:, None, :, None] * marginal[None, :, None, :]
    # The sparse tree takes an entry of 0 for a missing edge.
    information = np.maximum((joint * np.log(joint / independent)).sum((2, 3)), 1e-15)
    np.fill_diagonal(information, 0)
    tree = minimum_spanning_tree(csr_array(-information)).toarray() != 0
    tree |= tree.T

    given = joint / marginal[None, :, None, :]  # P(x_j | x_c) at [j, c, x_j, x_c]
    log_ratio = np.log(given[..., 1]) - np.log(given[..., 0])  # [j, c, x_j]
    absent, present = (np.where(tree, log_ratio[..., x], 0) for x in (0, 1))
    bias = np.log(own) - np.log1p(-own) + absent.sum(0)
    return Fitted(Linear("chow_liu", name, data.classes, bias, present - absent))


load = load_linear
