"""A logit ensemble: a weighted sum of the log-odds of models fitted before (stacking, Wolpert 1992)."""

import json
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from contextual_anomaly.models.base import Conditional, ContextModel, Member
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Name, Section


class Settings(Section):
    """Whose log-odds are summed."""

    family: Literal["ensemble"]
    # Names of conditional models of this configuration.
    parts: Annotated[list[Name], Field(min_length=2)]


class Ensemble(Conditional):
    """One model of several; of a part with several seeds, the mean over them is taken."""

    family = "ensemble"

    def __init__(
        self, name: str, classes: tuple[str, ...], parts: list[ContextModel], weights: np.ndarray, bias: np.ndarray
    ) -> None:
        self.name = name
        self.classes = classes
        self.members = (Member(),)
        self.parts = parts
        self.weights = np.asarray(weights, np.float32)  # [parts]
        self.bias = np.asarray(bias, np.float32)  # []

    def log_odds(self, evidence: np.ndarray, layout: np.ndarray | None = None) -> np.ndarray:
        """[1, N, C]."""
        total = np.full((1, *np.shape(evidence)), self.bias, np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            total[0] += weight * part.log_odds(evidence, layout).mean(0)
        return total

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """The parts' states, each under its number, and their weights."""
        from contextual_anomaly.models.registry import full_state

        states = [full_state(part) for part in self.parts]
        tensors = {f"{i}.{key}": tensor for i, (_, of_part) in enumerate(states) for key, tensor in of_part.items()}
        metadata = {"parts": json.dumps([metadata for metadata, _ in states])}
        return metadata, {**tensors, "stacked.weights": self.weights, "stacked.bias": self.bias}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Weights by logistic regression on the held-out images, which no part was fitted on."""
    from sklearn.linear_model import LogisticRegression

    presence = data.held_out_presence
    layout = None if data.layouts is None else data.layout(data.held_out)
    odds = np.stack([part.log_odds(presence, layout).mean(0).ravel() for part in data.parts], axis=1)
    stacked = LogisticRegression(C=np.inf).fit(odds, presence.ravel() > 0)
    return Fitted(Ensemble(name, data.classes, data.parts, stacked.coef_[0], stacked.intercept_[0]))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Ensemble:
    """The ensemble of a state."""
    from contextual_anomaly.models.registry import model_of

    parts = []
    for i, of_part in enumerate(json.loads(metadata["parts"])):
        start = f"{i}."
        own = {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}
        parts.append(model_of(of_part, own))
    classes = tuple(json.loads(metadata["classes"]))
    return Ensemble(metadata["name"], classes, parts, tensors["stacked.weights"], tensors["stacked.bias"])
