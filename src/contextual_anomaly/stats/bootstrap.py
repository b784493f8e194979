"""Bootstrap 95 % intervals over images: trials of one image are drawn together, because they are not independent."""

from collections.abc import Sequence

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int, Real
from contextual_anomaly.stats.ranking import WeightedRanking

BINS = 300
"""Of the score, for intervals of ranking measures: each holds 1/150 of the positive or of the negative trials."""


Counts = Real[np.ndarray, " N"] | Bool[np.ndarray, " N"]
"""A sum over the trials of each of N images."""


class Bootstrap:
    """The same resamples of N images for every measure, so that measures and models can be compared.

    Attributes:
        weights: [B, N] float32, how often each resample draws each image.
    """

    def __init__(self, n_images: int, n_resamples: int, seed: int) -> None:
        """Draw ``n_resamples`` resamples of as many images as there are."""
        rng = np.random.default_rng(seed)
        drawn = np.empty((n_resamples, n_images), np.float32)
        # One resample at a time: all drawn numbers at once would take four times the memory of the weights.
        for weights in drawn:
            weights[:] = np.bincount(rng.integers(0, n_images, n_images), minlength=n_images)
        self.weights = np.asfortranarray(drawn)  # products are with its transpose

    @property
    def weights_with_all(self) -> Float[np.ndarray, "B1 N"]:
        """[1 + B, N]: first every image once, which gives the value itself, then the resamples."""
        every = np.ones((1, self.weights.shape[1]), np.float32)
        return np.asfortranarray(np.vstack([every, self.weights]))

    def of_share(self, found: Counts, trials: Counts) -> tuple[float, float]:
        """Return the interval of sum(found) / sum(trials), both [N] sums over an image's trials."""
        return self.of_shares([found], [trials])[0]

    def of_shares(self, found: Sequence[Counts], trials: Sequence[Counts]) -> list[tuple[float, float]]:
        """Return `of_share` of several measures, which takes little longer than that of one: the weights are read once."""
        if not found:
            return []
        of = np.array([*found, *trials], np.float32) @ self.weights.T
        with np.errstate(invalid="ignore"):
            return [interval(shares) for shares in of[: len(found)] / of[len(found) :]]

    def of_difference(
        self, found: Counts, trials: Counts, found_before: Counts, trials_before: Counts
    ) -> tuple[float, float]:
        """Return the paired interval of sum(found) / sum(trials) - sum(found_before) / sum(trials_before); all [N]."""
        of = self.weights @ np.stack([found, trials, found_before, trials_before], axis=1).astype(np.float32)
        with np.errstate(invalid="ignore"):
            return interval(of[:, 0] / of[:, 1] - of[:, 2] / of[:, 3])

    def of_ranking(
        self, image: Int[np.ndarray, " T"], positive: Bool[np.ndarray, " T"], score: Real[np.ndarray, " T"]
    ) -> dict[str, tuple[float, float]]:
        """Return the intervals of the measures of `stats.ranking.ranking`.

        Scores are put into bins of equal content, so that a resample is a product of small matrices and needs no
        sorting; against exact resampling this moves an interval by some thousandths of its position.

        Args:
            image: [T] the image of each trial, 0 … N - 1.
            positive: [T] bool.
            score: [T], higher where more likely positive.
        """
        steps = np.linspace(0, 1, BINS // 2)[1:-1]
        edges = np.unique(np.concatenate([_quantiles(score[positive == kind], steps) for kind in (False, True)]))
        bins = np.searchsorted(edges, score, side="right").astype(np.int16)  # NumPy sorts these by radix
        measures = WeightedRanking(image, bins, positive, self.weights).measures()
        return {name: interval(values) for name, values in measures.items()}


def _quantiles(score: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Some scores, at these shares of their number."""
    return np.sort(score)[(steps * (len(score) - 1)).astype(int)] if len(score) else score


def interval(resampled: Float[np.ndarray, " B"]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles of a measure over resamples [B], NaN where no resample has a value."""
    if not np.isfinite(resampled).any():
        return np.nan, np.nan
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(low), float(high)
