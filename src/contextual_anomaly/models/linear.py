"""Models whose log-odds are a sum over the other classes: the form of several families, which differ in how they fit."""

import json

import numpy as np

from contextual_anomaly.models.base import Conditional, Variant


class Linear(Conditional):
    """log-odds of class c = bias_c + Σ_{j≠c} evidence_j · weights_jc.

    Leaving a class out is a zero on the diagonal, so one matrix product answers for every class. Soft evidence weighs in
    by its share, which is the expectation of the log-odds were each class present with that probability.
    """

    def __init__(self, family: str, name: str, classes: tuple[str, ...], bias: np.ndarray, weights: np.ndarray) -> None:
        if np.diagonal(weights).any():
            raise ValueError("weights [C, C] with a diagonal of zeros were expected")
        self.family = family
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.bias = bias.astype(np.float32)  # [C]
        self.weights = weights.astype(np.float32)  # [C, C] from the class that is seen to the one that is asked for

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[1, N, C]."""
        return (np.asarray(evidence, np.float32) @ self.weights + self.bias)[None]

    def contributions(self, evidence: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each class adds to the log-odds of one class of each scene, exactly.

        Args:
            evidence: [N, C].
            asked: [N] class indices.

        Returns:
            weights [N, C] of the classes seen, and the rest [N]: the bias. They sum to the log-odds.
        """
        return np.asarray(evidence, np.float32) * self.weights[:, asked].T, self.bias[asked]

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Bias and weights."""
        return {}, {"bias": self.bias, "weights": self.weights}


def load_linear(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Linear:
    """The model of a state."""
    classes = tuple(json.loads(metadata["classes"]))
    return Linear(metadata["family"], metadata["name"], classes, tensors["bias"], tensors["weights"])
