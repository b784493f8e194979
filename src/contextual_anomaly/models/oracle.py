"""The oracle: the exact P(class present | every other class) of a known mixture of independent classes."""

import json
from pathlib import Path

import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import Member
from contextual_anomaly.models.store import read_model, save_model

FAMILY = "oracle"
ROWS = 512  # scenes at a time where evidence is fractional: [512, K, C] of doubles is 20 MB


class Oracle:
    """Bayes' rule over K scene types, each with independent classes.

    With weight w_k and presence probability p_kc, P(x_c = 1 | x_-c) = Σ_k w_k L_k/l_kc · p_kc / Σ_k w_k L_k/l_kc, where
    l_kc = p_kc or 1 - p_kc is the likelihood of what is seen of class c and L_k = Π_c l_kc: leaving a class out is
    dividing by its own factor.

    The mixture is all that is conditioned on. That small scenes are left out of the data is not: it would make every class
    of a smallest scene certain, and an anomaly there impossible.
    """

    def __init__(self, name: str, classes: tuple[str, ...], weight: np.ndarray, probability: np.ndarray) -> None:
        self.name = name
        self.classes = classes
        self.members = (Member(),)
        self.weight = weight.astype(np.float64)  # [K]
        self.probability = probability.astype(np.float64)  # [K, C], strictly between 0 and 1

    def expected(self, evidence: np.ndarray) -> np.ndarray:
        """[1, N, C] float32: P(class present | the evidence on every other class).

        Evidence strictly between 0 and 1 is virtual evidence (Pearl 1988): an observation e times as likely where the
        class is present as 1 - e where it is absent, so that 0.5 says nothing.
        """
        evidence = np.asarray(evidence, np.float64)
        if evidence.ndim != 2 or evidence.shape[1] != len(self.classes):
            raise ValueError(f"evidence is {evidence.shape}, [N, {len(self.classes)}] was expected")
        sharp = ((evidence == 0) | (evidence == 1)).all(1)
        present = np.empty_like(evidence)
        present[sharp] = self._of_presence(evidence[sharp])
        doubtful = np.flatnonzero(~sharp)
        for rows in np.split(doubtful, range(ROWS, len(doubtful), ROWS)):
            present[rows] = self._of_doubts(evidence[rows])
        return present.astype(np.float32)[None]

    toggled = expected  # an entry does not look at its own class

    def _of_presence(self, x: np.ndarray) -> np.ndarray:
        """[N, C] from x [N, C] of 0 and 1: four matrix products."""
        p = self.probability
        share = _share(np.log(self.weight) + x @ np.log(p).T + (1 - x) @ np.log1p(-p).T)
        seen = share.sum(1, keepdims=True) / np.where(x == 1, share @ (1 / p), 1)
        absent = share @ (p / (1 - p)) / (share @ (1 / (1 - p)))
        return np.where(x == 1, seen, absent)

    def _of_doubts(self, e: np.ndarray) -> np.ndarray:
        """[N, C] from e [N, C] anywhere in 0 to 1."""
        p = self.probability
        likelihood = p * e[:, None] + (1 - p) * (1 - e[:, None])  # [N, K, C]
        share = _share(np.log(self.weight) + np.log(likelihood).sum(2))
        without = share[:, :, None] / likelihood
        return (without * p).sum(1) / without.sum(1)


def _share(log_joint: np.ndarray) -> np.ndarray:
    """[N, K] in proportion to exp(log_joint), the largest of each row 1.

    What underflows to 0 here is 1e-300 of the largest; dividing by one class's factor (1e-5 at least) cannot bring it
    back into a double's 16 digits.
    """
    return np.exp(log_joint - log_joint.max(1, keepdims=True))


def save(
    path: str | Path,
    name: str,
    classes: tuple[str, ...],
    weight: np.ndarray,
    probability: np.ndarray,
) -> None:
    """Write the mixture as a model file.

    Args:
        weight: [K] shares of the scene types.
        probability: [K, C] P(class present | scene type).

    Raises:
        UserError: a probability is not strictly between 0 and 1.
    """
    if not ((probability > 0) & (probability < 1)).all() or not (weight > 0).all():
        raise UserError(f"{path}: weights above 0 and probabilities strictly between 0 and 1 were expected.")
    metadata = {
        "family": FAMILY,
        "name": name,
        "classes": json.dumps(classes),
    }
    save_model(path, {"weight": weight.astype(np.float64), "probability": probability.astype(np.float64)}, metadata)


def load(path: str | Path) -> Oracle:
    """The model that `save` wrote."""
    metadata, tensors = read_model(path)
    return Oracle(
        metadata["name"],
        tuple(json.loads(metadata["classes"])),
        tensors["weight"],
        tensors["probability"],
    )
