"""Pairwise logistic: an Ising model of the classes, fitted by pseudo-likelihood, with a term for the number of others."""

import json
from typing import Literal

import numpy as np

from contextual_anomaly.models.data import Fitted, TrainingData, distinct, log_odds_of_share
from contextual_anomaly.models.linear import Linear
from contextual_anomaly.models.settings import Count, Positive, Section


class Settings(Section):
    """Regularisation and config."""

    family: Literal["pairwise"]
    # Weight of the squared pair terms, in nats: larger pulls rare pairs to independence.
    l2: Positive = 0.5
    # Scenes of this many other classes or more are taken alike.
    max_scene_size: Count = 8
    # Steps of L-BFGS at most.
    iterations: Count = 150


class Pairwise(Linear):
    """`Linear`, and a term for each class and number of other classes in the scene."""

    def __init__(self, name, classes, bias: np.ndarray, weights: np.ndarray, size_terms: np.ndarray) -> None:
        super().__init__("pairwise", name, classes, bias, weights)
        self.size_terms = size_terms.astype(np.float32)  # [S, C] of 0, 1, … S - 1 or more others

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[1, N, C]."""
        evidence = np.asarray(evidence, np.float32)
        others = evidence.sum(1, keepdims=True) - evidence  # [N, C]
        classes = np.arange(len(self.classes))
        return super().log_odds(evidence) + self._of_size(others, classes)

    def contributions(self, evidence: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Linear.contributions`; the rest holds the term of the number of others as well."""
        evidence = np.asarray(evidence, np.float32)
        weights, rest = super().contributions(evidence, asked)
        others = evidence.sum(1) - evidence[np.arange(len(asked)), asked]
        return weights, rest + self._of_size(others, asked)

    def _of_size(self, others: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """The terms of some numbers of others; expected numbers, of soft evidence, lie between two."""
        others = np.clip(others, 0, len(self.size_terms) - 1)
        low = np.minimum(others.astype(np.intp), len(self.size_terms) - 2)
        share = others - low
        return (1 - share) * self.size_terms[low, classes] + share * self.size_terms[low + 1, classes]

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Bias, weights and size terms."""
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

    def parts(theta):
        weights = np.zeros((classes, classes), np.float32)
        weights[pairs] = theta[: len(pairs[0])]
        terms = theta[len(pairs[0]) :].reshape(sizes, classes).astype(np.float32)
        return weights + weights.T, terms

    def loss(theta):
        weights, terms = parts(theta)
        surprise = sign * (scenes @ weights + terms.ravel()[cell].reshape(scenes.shape))
        softplus = np.logaddexp(0, surprise)
        slope = counts[:, None] * sign * np.exp(surprise - softplus)  # sigmoid - presence, weighed
        of_weights = scenes.T @ slope
        gradient = np.concatenate(
            [(of_weights + of_weights.T)[pairs], np.bincount(cell, slope.ravel(), sizes * classes)]
        )
        pulled = penalty * (theta - start)
        value = float((counts @ softplus).sum(dtype=np.float64)) + float(pulled @ (theta - start))
        return value / images, (gradient + 2 * pulled) / images

    start = np.concatenate([np.zeros(len(pairs[0])), np.tile(log_odds_of_share(data.presence), sizes)])
    # The terms of size are hardly pulled: they hold the frequencies.
    penalty = np.where(np.arange(len(start)) < len(pairs[0]), settings.l2, 0.01)
    with threadpool_limits(1):  # BLAS rounds differently on several cores
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": settings.iterations})
    weights, terms = parts(found.x)
    return Fitted(Pairwise(name, data.classes, np.zeros(classes), weights, terms))


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Pairwise:
    """The model of a state."""
    classes = tuple(json.loads(metadata["classes"]))
    return Pairwise(metadata["name"], classes, tensors["bias"], tensors["weights"], tensors["size_terms"])
