"""Models whose log-odds are a sum over the other classes: several families have this form and differ in how they fit."""

import json

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int, Shaped
from contextual_anomaly.models.base import Conditional, Geometry, PerVariant, Presence, SceneGeometry, Variant


class Linear(Conditional):
    """log-odds of class c = bias_c + Σ_{j≠c} presence_j · weights_jc.

    The diagonal of the weights is zero, so that one matrix product answers for every class without its own presence. A
    probability in place of 0 or 1 gives the expected log-odds.
    """

    def __init__(
        self,
        family: str,
        name: str,
        classes: tuple[str, ...],
        bias: Float[np.ndarray, " C"],
        weights: Float[np.ndarray, "C C"],
    ) -> None:
        """Make a linear model.

        Args:
            family: the family that fitted it.
            name: the model's name.
            classes: C class names.
            bias: [C] log-odds of each class if no other class is present.
            weights: [C, C], from the class that is present to the class that is predicted; zeros on the diagonal.
        """
        if bias.shape != (len(classes),) or weights.shape != (len(classes), len(classes)):
            raise ValueError(f"bias [C] and weights [C, C] were expected, found {bias.shape} and {weights.shape}")
        if np.diagonal(weights).any():
            raise ValueError("weights [C, C] with a diagonal of zeros were expected")
        self.family = family
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.bias = bias.astype(np.float32)
        self.weights = weights.astype(np.float32)

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [1, N, C] log-odds, see `ContextModel`."""
        return (np.asarray(presence, np.float32) @ self.weights + self.bias)[None]

    def contributions(
        self, variant: int, presence: Presence, target: Int[np.ndarray, " N"]
    ) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N C"]]:
        """Return the bias [N] and each present class's term [N, C], see `WithContributions`; the terms are exact."""
        return self.bias[target], np.asarray(presence, np.float32) * self.weights[:, target].T

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`."""
        kept = np.where(subsets, presence, 0).astype(np.float32)
        return (kept @ self.weights[:, targets] + self.bias[targets])[None]

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return bias and weights."""
        return {}, {"bias": self.bias, "weights": self.weights}


def load_linear(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Linear:
    """Restore the model of a state."""
    classes = tuple(json.loads(metadata["classes"]))
    return Linear(metadata["family"], metadata["name"], classes, tensors["bias"], tensors["weights"])
