"""Class frequency: the share of scenes that hold each class, whatever else is in them. The baseline of every table."""

import json
from typing import Literal

import numpy as np

from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.models.data import Fitted, TrainingData, log_odds_of_share
from contextual_anomaly.models.settings import Section


class Settings(Section):
    """Nothing to choose."""

    family: Literal["frequency"]


class Frequency(Conditional):
    """A context model that knows no context."""

    family = "frequency"

    def __init__(self, name: str, classes: tuple[str, ...], bias: np.ndarray) -> None:
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.bias = bias.astype(np.float32)  # [C]

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[1, N, C]: the same for each scene."""
        return np.broadcast_to(self.bias, (1, *evidence.shape))

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """The log-odds of the shares."""
        return {}, {"bias": self.bias}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Count."""
    return Fitted(Frequency(name, data.classes, log_odds_of_share(data.presence)))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Frequency:
    """The model of a state."""
    return Frequency(metadata["name"], tuple(json.loads(metadata["classes"])), tensors["bias"])
