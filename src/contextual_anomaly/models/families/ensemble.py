"""A logit ensemble: a weighted sum of the log-odds of models fitted before (stacking, Wolpert 1992)."""

import json
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from contextual_anomaly.models.base import Conditional, ContextModel, Variant
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Name, Section


class Settings(Section):
    """Whose log-odds are summed."""

    family: Literal["ensemble"]
    # Names of conditional models of this configuration.
    estimators: Annotated[list[Name], Field(min_length=2)]


class Ensemble(Conditional):
    """One model of several; of a part with several seeds, the mean over them is taken."""

    family = "ensemble"

    def __init__(
        self, name: str, classes: tuple[str, ...], estimators: list[ContextModel], weights: np.ndarray, bias: np.ndarray
    ) -> None:
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.estimators = estimators
        self.weights = np.asarray(weights, np.float32)  # [estimators]
        self.bias = np.asarray(bias, np.float32)  # []

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[1, N, C]."""
        total = np.full((1, *np.shape(evidence)), self.bias, np.float32)
        for part, weight in zip(self.estimators, self.weights, strict=True):
            total[0] += weight * part.log_odds(evidence, geometry).mean(0)
        return total

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """The estimators' states, each under its number, and their weights."""
        from contextual_anomaly.models.registry import full_state

        states = [full_state(part) for part in self.estimators]
        tensors = {f"{i}.{key}": tensor for i, (_, of_part) in enumerate(states) for key, tensor in of_part.items()}
        metadata = {"estimators": json.dumps([metadata for metadata, _ in states])}
        return metadata, {**tensors, "stacked.weights": self.weights, "stacked.bias": self.bias}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Weights by logistic regression on the held-out images, which no part was fitted on."""
    from sklearn.linear_model import LogisticRegression

    presence = data.held_out_presence
    geometry = None if data.object_geometry is None else data.geometry(data.held_out)
    odds = np.stack([part.log_odds(presence, geometry).mean(0).ravel() for part in data.estimators], axis=1)
    stacked = LogisticRegression(C=np.inf).fit(odds, presence.ravel() > 0)
    return Fitted(Ensemble(name, data.classes, data.estimators, stacked.coef_[0], stacked.intercept_[0]))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Ensemble:
    """The ensemble of a state."""
    from contextual_anomaly.models.registry import model_of

    estimators = []
    for i, of_part in enumerate(json.loads(metadata["estimators"])):
        start = f"{i}."
        own = {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}
        estimators.append(model_of(of_part, own))
    classes = tuple(json.loads(metadata["classes"]))
    return Ensemble(metadata["name"], classes, estimators, tensors["stacked.weights"], tensors["stacked.bias"])
