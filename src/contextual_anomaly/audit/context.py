"""The context model as the audit asks it: each image is judged by a model that has not seen it."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.explanation import explain


@dataclass(frozen=True)
class Context:
    """One model, or one for each fold of the images.

    Attributes:
        models: all of one family, over the same C classes.
        variant: which of the variants of each model judges.
        images: [C] training scenes that hold each class.
        of: how many training scenes there are.
        model_of: [N] which of the models judges each of the audited images.
    """

    models: tuple[ContextModel, ...]
    variant: int
    images: np.ndarray
    of: int
    model_of: np.ndarray

    @property
    def name(self) -> str:
        """The model's name."""
        return self.models[0].name

    @property
    def base(self) -> np.ndarray:
        """[C] log-odds of the class frequencies, half an image added to either side."""
        return np.log((self.images + 0.5) / (self.of - self.images + 0.5))

    def log_odds(self, presence: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return [M, C] float32 log-odds of each class given the others; equal questions are asked once.

        A class that was seen n times, and never beside these others, may well be seen so the next time: its odds are at
        least 1 / (n + 1) of those of its frequency (Laplace's rule of succession), whatever the model says.

        Args:
            presence: [M, C] bool.
            image: [M] row among the audited images.
        """
        result = np.empty(presence.shape, np.float32)
        for number, model in enumerate(self.models):
            rows = np.flatnonzero(self.model_of[image] == number)
            if len(rows):
                scenes, back = np.unique(presence[rows], axis=0, return_inverse=True)
                result[rows] = model.log_odds(scenes.astype(np.float32))[self.variant][back.reshape(-1)]
        return np.logaddexp(result, (self.base - np.log1p(self.images)).astype(np.float32))

    def attributions(self, presence: np.ndarray, column: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return [Q, C]: what each class that is there adds to the log-odds of class ``column`` [Q]."""
        result = np.zeros(presence.shape)
        for number, model in enumerate(self.models):
            rows = np.flatnonzero(self.model_of[image] == number)
            if len(rows):
                result[rows] = explain(model, self.variant, presence[rows], column[rows]).attributions
        return result

    def informs(self, counts: np.ndarray) -> "ContextGain":
        """Compare the model with class frequency on the audited images of two or more classes.

        Args:
            counts: [N, C] annotated objects of each image and class.
        """
        several = np.flatnonzero((counts > 0).sum(1) >= 2)
        present = counts[several] > 0
        by_context = _log_likelihood(self.log_odds(present, several), present)
        gain = by_context - _log_likelihood(np.broadcast_to(self.base, present.shape), present)
        if len(gain) < 2:
            return ContextGain(len(gain), len(counts), 0.0, np.inf)
        return ContextGain(len(gain), len(counts), float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain))))


@dataclass(frozen=True)
class ContextGain:
    """By how much a context model is better than class frequency on images that it has not seen.

    Attributes:
        images: those with two or more classes, the only ones that can tell.
        of: all audited images.
        mean: log-likelihood of an image's classes, each given the others, more than by frequency, nats.
        error: its standard error.
    """

    images: int
    of: int
    mean: float
    error: float

    @property
    def useful(self) -> bool:
        """Whether the gain is surely above 0."""
        return self.mean > 2 * self.error

    def __str__(self) -> str:
        """Return the gain in words."""
        if self.images < 2:
            return f"{self.images} of {self.of:,} images have two or more classes"
        return f"{self.mean:+.3f} nats an image (standard error {self.error:.3f}) against class frequency"


def _log_likelihood(odds: np.ndarray, present: np.ndarray) -> np.ndarray:
    """[N] Σ_c log P(x_c | all other classes) in nats, from log-odds [N, C]."""
    return -np.logaddexp(0, np.where(present, -odds, odds)).sum(1, dtype=np.float64)
