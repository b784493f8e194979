"""What a detector takes for something else: a class that does not belong may be one that does, under a wrong name.

Every class that the detector reports in an image where it is not has a cause: a class that is there and was taken for it, or
nothing at all. Which it was is not known, but over many images the classes beside tell: their rates are those under which the
wrong reports are the most likely, as Poisson numbers (the multiplicative updates of Richardson 1972 and Lucy 1974).
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.stats.log_odds import expit, logit

STEPS = 60
"""Updates, after which the rates hardly change any more."""
WEIGHT = 10.0
"""Images with a class that are added to it, in which it is taken for each other class as often as any is."""
LEAST = 1e-12
"""Distance that probabilities keep from 0 and 1."""
FOLDS = 5
"""Parts of the images, each of which is judged by the rates of the others."""


@dataclass(frozen=True)
class Confusions:
    """How often a detector reports which class in an image without it.

    Attributes:
        rate: [C, C] number of such reports of the class of the column that a class of the row causes where it is there.
        stray: [C] number of such reports in any image.
    """

    rate: Float[np.ndarray, "C C"]
    stray: Float[np.ndarray, " C"]

    def explained(self, log_odds: Float[np.ndarray, "*shape C"]) -> Float[np.ndarray, "*shape C"]:
        """Return the log-odds that a report of a class has an ordinary cause: the class, another one, or nothing at all.

        The chances of the causes are added up, which is at least the chance that there is one.

        Args:
            log_odds: [..., C] that each class is there, as the others let expect.
        """
        there = expit(log_odds)
        return logit(there + there @ self.rate + self.stray, LEAST)


def confusions(there: Bool[np.ndarray, "N C"], reported: Bool[np.ndarray, "N C"]) -> Confusions:
    """Return the confusions that explain best what a detector reports.

    Args:
        there: [N, C] which classes are in N images.
        reported: [N, C] which are reported.
    """
    classes = there.shape[1]
    image, column = np.nonzero(reported & ~there)
    # The last cause is nothing at all, which is in every image.
    cause = np.concatenate([there[image], np.ones((len(image), 1), bool)], 1).astype(np.float64)
    images = np.append(there.sum(0), len(there)).astype(np.float64)
    usual = (len(image) + 1) / (images.sum() * classes + 1)
    rate = np.full((classes + 1, classes), usual)
    which = (np.arange(classes)[:, None] == column).astype(np.float64)  # [C, wrong reports]
    for _ in range(STEPS):
        blamed = cause * rate.T[column]
        blamed /= blamed.sum(1, keepdims=True)
        rate = ((which @ blamed).T + WEIGHT * usual) / (images[:, None] + WEIGHT)
    np.fill_diagonal(rate, 0.0)  # what is there is reported rightly
    return Confusions(rate[:-1], rate[-1])


def explained_elsewhere(
    log_odds: Float[np.ndarray, "N C"], there: Bool[np.ndarray, "N C"], reported: Bool[np.ndarray, "N C"]
) -> Float[np.ndarray, "N C"]:
    """Return `Confusions.explained` of N images, each by the confusions of images of other parts.

    A wrong report that had its share in the rates would look more ordinary than one of a new image (cross-conformal
    prediction, Vovk 2015).

    Args:
        log_odds: [N, C] that each class is there.
        there: [N, C] which classes are there.
        reported: [N, C] which are reported.
    """
    result = np.empty(log_odds.shape)
    part = np.arange(len(log_odds)) % FOLDS
    for number in range(FOLDS):
        inside = part == number
        result[inside] = confusions(there[~inside], reported[~inside]).explained(log_odds[inside])
    return result
