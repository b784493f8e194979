"""Class frequency: the share of scenes that have each class, whatever else is in them. The baseline of every table."""

import json
from typing import Literal

import numpy as np

from contextual_anomaly.array_types import Float
from contextual_anomaly.models.base import Conditional, Geometry, PerVariant, Presence, Variant
from contextual_anomaly.models.data import Fitted, TrainingData, log_odds_of_share
from contextual_anomaly.models.settings import Section


class Settings(Section):
    """No settings but the family."""

    family: Literal["frequency"]


class Frequency(Conditional):
    """A context model that ignores the context."""

    family = "frequency"

    def __init__(self, name: str, classes: tuple[str, ...], bias: Float[np.ndarray, " C"]) -> None:
        """Make the model from the [C] log-odds of the classes' shares."""
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.bias = bias.astype(np.float32)

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [1, N, C] log-odds, the same for each scene."""
        return np.broadcast_to(self.bias, (1, *presence.shape))

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the log-odds of the shares."""
        return {}, {"bias": self.bias}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Count the scenes that have each class."""
    return Fitted(Frequency(name, data.classes, log_odds_of_share(data.presence)))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Frequency:
    """Restore the model of a state."""
    return Frequency(metadata["name"], tuple(json.loads(metadata["classes"])), tensors["bias"])
