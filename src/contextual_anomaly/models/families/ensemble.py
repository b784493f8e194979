"""A logit ensemble: a weighted sum of the log-odds of models fitted before (stacking, Wolpert 1992)."""

import json
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from contextual_anomaly.array_types import Bool, Float, Float64, Int, Shaped
from contextual_anomaly.models import registry
from contextual_anomaly.models.base import (
    Conditional,
    ContextModel,
    Geometry,
    PerVariant,
    Presence,
    SceneGeometry,
    Variant,
    log_odds_of_subsets,
)
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Name, Section
from contextual_anomaly.stats.log_odds import expit

PENALTY = 10.0
"""Weight of the squared distance of the weights from the mean of the estimators, in nats: few held-out scenes cannot tell
weights, and many make it vanish."""


class Settings(Section):
    """The models whose log-odds are summed."""

    family: Literal["ensemble"]
    # Names of conditional models of this configuration.
    estimators: Annotated[list[Name], Field(min_length=2)]
    weights: Annotated[
        Literal["fitted", "equal"],
        Field(
            description="fitted: on held-out images, so that the probabilities are right. equal: the mean of the log-odds, "
            "which is surer where other things than the data set's own frequencies decide."
        ),
    ] = "fitted"


class Ensemble(Conditional):
    """A weighted sum of the log-odds of several models; a model with several variants counts with their mean."""

    family = "ensemble"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        estimators: list[ContextModel],
        weights: Shaped[np.ndarray, " E"],
        bias: np.ndarray | np.floating | float,
    ) -> None:
        """Make the ensemble.

        Args:
            name: the model's name.
            classes: C class names, those of every estimator.
            estimators: E models.
            weights: [E] of their log-odds.
            bias: added to the weighted sum.
        """
        self.name = name
        self.classes = classes
        self.variants = (Variant(),)
        self.estimators = estimators
        self.weights = np.asarray(weights, np.float32)
        self.bias = np.asarray(bias, np.float32)

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [1, N, C] log-odds, see `ContextModel`."""
        total = np.full((1, *np.shape(presence)), self.bias, np.float32)
        for estimator, weight in zip(self.estimators, self.weights, strict=True):
            total[0] += weight * estimator.log_odds(presence, geometry).mean(0)
        return total

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`."""
        total = np.full((1, len(subsets), len(targets)), self.bias, np.float32)
        for estimator, weight in zip(self.estimators, self.weights, strict=True):
            total[0] += weight * log_odds_of_subsets(estimator, presence, subsets, targets, geometry).mean(0)
        return total

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the estimators' states, each under its number, and their weights."""
        states = [registry.full_state(estimator) for estimator in self.estimators]
        tensors = {f"{i}.{key}": tensor for i, (_, state) in enumerate(states) for key, tensor in state.items()}
        metadata = {"estimators": json.dumps([metadata for metadata, _ in states])}
        return metadata, {**tensors, "stacked.weights": self.weights, "stacked.bias": self.bias}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Fit the weights by logistic regression on the held-out scenes, which no estimator was fitted on, or take the mean."""
    if settings.weights == "equal":
        equal = np.full(len(data.estimators), 1 / len(data.estimators))
        return Fitted(Ensemble(name, data.classes, data.estimators, equal, 0.0))
    presence = data.held_out_presence
    geometry = data.geometry(data.held_out) if data.has_geometry else None
    log_odds = [estimator.log_odds(presence, geometry).mean(0).ravel() for estimator in data.estimators]
    weights = _stack(np.stack(log_odds, axis=1), presence.ravel() > 0)
    return Fitted(Ensemble(name, data.classes, data.estimators, weights[:-1], weights[-1]))


def _stack(log_odds: Shaped[np.ndarray, "n E"], present: Shaped[np.ndarray, " n"]) -> Float64[np.ndarray, " E+1"]:
    """Return the weights of E estimators and the bias: logistic regression with a penalty towards their mean."""
    from scipy.optimize import minimize

    inputs = np.column_stack([log_odds, np.ones(len(log_odds))]).astype(np.float64)
    mean = np.append(np.full(log_odds.shape[1], 1 / log_odds.shape[1]), 0.0)
    sign = np.where(present, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (inputs @ weights)
        value = np.logaddexp(0, -margin).sum() + PENALTY * ((weights - mean) ** 2).sum()
        slope = 2 * PENALTY * (weights - mean) - inputs.T @ (sign * expit(-margin))
        return value / len(inputs), slope / len(inputs)

    return minimize(loss, mean, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-8}).x


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Ensemble:
    """Restore the ensemble of a state."""
    estimators = []
    for i, of_estimator in enumerate(json.loads(metadata["estimators"])):
        prefix = f"{i}."
        own = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        estimators.append(registry.from_state(of_estimator, own))
    classes = tuple(json.loads(metadata["classes"]))
    return Ensemble(metadata["name"], classes, estimators, tensors["stacked.weights"], tensors["stacked.bias"])
