"""Pairwise logistic: an Ising model of the classes, fitted by pseudo-likelihood, with a term for the number of others."""

import json
from typing import Literal

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int, Shaped
from contextual_anomaly.models.base import Geometry, PerVariant, Presence, SceneGeometry
from contextual_anomaly.models.data import Fitted, TrainingData, distinct, log_odds_of_share
from contextual_anomaly.models.linear import Linear
from contextual_anomaly.models.settings import Count, Positive, Section


class Settings(Section):
    """Regularisation and size."""

    family: Literal["pairwise"]
    # Strength of the squared penalty on pair terms, in nats: larger pulls rare pairs towards independence.
    l2: Positive = 0.5
    # Largest scene size with its own bias term; larger scenes share the last one.
    max_scene_size: Count = 8
    # Steps of L-BFGS at most.
    iterations: Count = 150


class Pairwise(Linear):
    """`Linear` with a term for each class and number of other classes in the scene."""

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        bias: Float[np.ndarray, " C"],
        weights: Float[np.ndarray, "C C"],
        size_terms: Float[np.ndarray, "S C"],
    ) -> None:
        """Make the model.

        Args:
            name: the model's name.
            classes: C class names.
            bias: [C], see `Linear`.
            weights: [C, C], see `Linear`.
            size_terms: [S, C] log-odds added in a scene of 0, 1, … S - 1 or more other classes.
        """
        super().__init__("pairwise", name, classes, bias, weights)
        self.size_terms = size_terms.astype(np.float32)

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [1, N, C] log-odds, see `ContextModel`."""
        presence = np.asarray(presence, np.float32)
        others = presence.sum(1, keepdims=True) - presence  # [N, C]
        classes = np.arange(len(self.classes))
        return super().log_odds(presence) + self._of_size(others, classes)

    def contributions(
        self, variant: int, presence: Presence, target: Int[np.ndarray, " N"]
    ) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N C"]]:
        """Return bias and size term [N], and each present class's pair term [N, C], see `WithContributions`."""
        presence = np.asarray(presence, np.float32)
        base, contributions = super().contributions(variant, presence, target)
        others = presence.sum(1) - presence[np.arange(len(target)), target]
        return base + self._of_size(others, target), contributions

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return the log-odds of some classes given subsets of a scene, see `WithSubsets`."""
        others = np.repeat(np.where(subsets, presence, 0).astype(np.float32).sum(1)[:, None], len(targets), axis=1)
        return super().log_odds_of_subsets(presence, subsets, targets) + self._of_size(others, targets)

    def _of_size(self, others: Float[np.ndarray, "*n"], classes: Int[np.ndarray, " m"]) -> Float[np.ndarray, "*n"]:
        """Return the terms of some numbers of others; an expected number, of probabilities, is interpolated."""
        others = np.clip(others, 0, len(self.size_terms) - 1)
        low = np.minimum(others.astype(np.intp), len(self.size_terms) - 2)
        share = (others - low).astype(np.float32)
        return (1 - share) * self.size_terms[low, classes] + share * self.size_terms[low + 1, classes]

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return bias, weights and size terms."""
        metadata, tensors = super().state()
        return metadata, {**tensors, "size_terms": self.size_terms}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Maximise Σ log P(x_c | the others) by L-BFGS (Besag 1975), pair terms symmetric, over the distinct scenes."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    scenes, counts = distinct(data.presence)
    classes, sizes = scenes.shape[1], max(settings.max_scene_size, 2)
    others = np.minimum(scenes.sum(1, keepdims=True) - scenes, sizes - 1).astype(np.intp)  # [U, C]
    cell = (others * classes + np.arange(classes)).ravel()
    pairs = np.triu_indices(classes, 1)
    sign = 1 - 2 * scenes
    images = counts.sum()

    def split(theta):
        weights = np.zeros((classes, classes), np.float32)
        weights[pairs] = theta[: len(pairs[0])]
        terms = theta[len(pairs[0]) :].reshape(sizes, classes).astype(np.float32)
        return weights + weights.T, terms

    def loss(theta):
        weights, terms = split(theta)
        surprise = sign * (scenes @ weights + terms.ravel()[cell].reshape(scenes.shape))
        softplus = np.logaddexp(0, surprise)
        slope = counts[:, None] * sign * np.exp(surprise - softplus)  # (sigmoid - presence) × count
        of_weights = scenes.T @ slope
        gradient = np.concatenate(
            [(of_weights + of_weights.T)[pairs], np.bincount(cell, slope.ravel(), sizes * classes)]
        )
        penalised = penalty * (theta - start)
        value = float((counts @ softplus).sum(dtype=np.float64)) + float(penalised @ (theta - start))
        return value / images, (gradient + 2 * penalised) / images

    start = np.concatenate([np.zeros(len(pairs[0])), np.tile(log_odds_of_share(data.presence), sizes)])
    # Size terms hold the class frequencies, so they are penalised only slightly.
    penalty = np.where(np.arange(len(start)) < len(pairs[0]), settings.l2, 0.01)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": settings.iterations})
    weights, terms = split(found.x)
    return Fitted(Pairwise(name, data.classes, np.zeros(classes), weights, terms))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Pairwise:
    """Restore the model of a state."""
    classes = tuple(json.loads(metadata["classes"]))
    return Pairwise(metadata["name"], classes, tensors["bias"], tensors["weights"], tensors["size_terms"])
