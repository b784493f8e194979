"""The oracle: the exact P(class present | every other class) of the synthetic world, which exists only there."""

import json

import numpy as np

from contextual_anomaly.array_types import Float
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.bernoulli_mixture import BernoulliMixture


class Oracle(BernoulliMixture):
    """The mixture that the scenes were sampled from.

    It conditions on the mixture alone, and not on the fact that small scenes are left out of the data: that would make
    every class of a smallest scene certain, and an anomaly there impossible.
    """

    family = "oracle"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        weight: Float[np.ndarray, " K"],
        probability: Float[np.ndarray, "K C"],
    ) -> None:
        """Make the model of one mixture.

        Args:
            name: the model's name.
            classes: C class names.
            weight: [K] shares of the scene types.
            probability: [K, C] P(class present | scene type).

        Raises:
            UserError: a probability is not strictly between 0 and 1.
        """
        if not ((probability > 0) & (probability < 1)).all() or not (weight > 0).all():
            raise UserError(f"{name}: weights above 0 and probabilities strictly between 0 and 1 were expected.")
        super().__init__(name, classes, (Variant(),), weight[None], probability[None])

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the mixture."""
        return {}, {"weight": self.weight[0], "probability": self.probability[0]}


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Oracle:
    """Restore the model of a state."""
    classes = tuple(json.loads(metadata["classes"]))
    return Oracle(metadata["name"], classes, tensors["weight"], tensors["probability"])
