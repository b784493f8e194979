"""Bootstrap 95 % intervals over images: trials of one image are drawn together, because they are not independent."""

import numpy as np

from contextual_anomaly.stats.ranking import RANKING, ranking_of_counts

BINS = 300  # of the score, for intervals of ranking measures: each holds 1/150 of the positives or of the negatives


class Bootstrap:
    """The same resamples of N images for every measure, so that measures and models can be compared."""

    def __init__(self, images: int, resamples: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.weights = np.empty((resamples, images), np.float32)  # [B, N] how often each image is drawn
        for (
            weights
        ) in self.weights:  # one at a time: of all, the drawn numbers take four times the memory of the weights
            weights[:] = np.bincount(rng.integers(0, images, images), minlength=images)

    def of_share(self, found: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
        """Interval of sum(found) / sum(trials), both [N] sums over an image's trials."""
        of = self.weights @ np.stack([found, trials], axis=1).astype(np.float32)
        with np.errstate(invalid="ignore"):
            return _interval(of[:, 0] / of[:, 1])

    def of_difference(
        self, found: np.ndarray, trials: np.ndarray, found_before: np.ndarray, trials_before: np.ndarray
    ) -> tuple[float, float]:
        """Interval of sum(found) / sum(trials) - sum(found_before) / sum(trials_before), paired; all [N]."""
        of = self.weights @ np.stack([found, trials, found_before, trials_before], axis=1).astype(np.float32)
        with np.errstate(invalid="ignore"):
            return _interval(of[:, 0] / of[:, 1] - of[:, 2] / of[:, 3])

    def of_ranking(self, image: np.ndarray, positive: np.ndarray, score: np.ndarray) -> dict[str, tuple[float, float]]:
        """Intervals of the measures of `metrics.ranking`.

        Scores are put into bins of equal content, so that a resample is a product of small matrices and needs no
        sorting; against exact resampling this moves an interval by some thousandths of its place.

        Args:
            image: [T] the image of each trial, 0 … N - 1.
            positive: [T] bool.
            score: [T], higher where more likely positive.
        """
        half = BINS // 2
        steps = np.linspace(0, 1, half)[1:-1]
        thinned = (score[positive == p] for p in (False, True))  # some thousands place the edges well enough
        edges = np.unique(np.concatenate([np.quantile(s[:: 1 + len(s) // 20_000], steps) for s in thinned]))
        bins = np.searchsorted(edges, score, side="right")
        images, width = self.weights.shape[1], len(edges) + 1
        counted = []
        for wanted in (True, False):
            cell = (image * width + bins)[positive == wanted]
            per_image = np.bincount(cell, minlength=images * width).reshape(images, width)
            counted.append(self.weights @ per_image.astype(np.float32))  # [B, bins]
        measures = ranking_of_counts(counted[0][:, ::-1], counted[1][:, ::-1])
        return {name: _interval(measures[name]) for name in RANKING}


def _interval(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.nanquantile(resampled, [0.025, 0.975]) if np.isfinite(resampled).any() else (np.nan, np.nan)
    return float(low), float(high)
