"""What a detector's score says: how likely a class is in an image, given the largest score of its objects there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.stats.log_odds import expit, logit

MIN_SCORE = 0.05
"""Objects with a smaller score are no evidence: there are many, and most of them are nothing."""
PRESENT = 0.5
"""A class that is more likely in the image than not counts as an object; one below is evidence, and is not judged."""
LEAST_PAIRS = 20
"""Numbers of classes that are there and of such that are not, for a curve of two numbers."""


@dataclass(frozen=True)
class ScoreCurve:
    """P(class in the image | largest score) = expit(intercept + slope · logit(score)) (Platt 1999).

    Attributes:
        intercept: of the log-odds.
        slope: of the log-odds.
        min_score: objects with a smaller score are no evidence.
    """

    intercept: float
    slope: float
    min_score: float = MIN_SCORE

    def presence(self, score: ArrayLike) -> Float[np.ndarray, "*shape"]:
        """Return the probability that a class is in the image; 0 for scores below ``min_score``."""
        score = np.asarray(score, np.float64)
        return np.where(score >= self.min_score, expit(self.intercept + self.slope * logit(score)), 0.0)


@dataclass(frozen=True)
class DetectionRates:
    """How often a detector is right about the classes of an image, at `MIN_SCORE` and above.

    Attributes:
        recall: share of the images with a class in which the detector reports it, by class.
        precision: share of the classes that it reports which are there.
    """

    recall: dict[str, float]
    precision: float


AS_IT_IS = ScoreCurve(0.0, 1.0)
"""A score is taken as a probability."""


def fit_score_curve(score: Float[np.ndarray, " n"], there: Bool[np.ndarray, " n"]) -> ScoreCurve:
    """Fit the curve to classes of held-out images.

    Args:
        score: [n] the largest score of a class in an image; those below `MIN_SCORE` are left out.
        there: [n] whether the class is there.

    Returns:
        The curve; `AS_IT_IS` where the classes do not say enough, or where larger scores are right less often.
    """
    from sklearn.linear_model import LogisticRegression

    used = score >= MIN_SCORE
    score, there = score[used], there[used]
    if min(np.count_nonzero(there), np.count_nonzero(~there)) < LEAST_PAIRS:
        return AS_IT_IS
    # The penalty is weak; it keeps the slope finite where a score separates the two completely.
    fitted = LogisticRegression(C=100.0).fit(logit(score)[:, None], there)
    slope = float(fitted.coef_[0, 0])
    if slope <= 0:
        return AS_IT_IS
    return ScoreCurve(float(fitted.intercept_[0]), slope)
