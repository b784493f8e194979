"""Regressions that allow for wrong annotations: the share of errors is fitted along with the weights.

A plain regression takes every annotation for true. Each of these is a mixture of what is right and of errors, so that an
annotation which contradicts all evidence is explained by an error instead of bending the weights, and so that Bayes' rule
gives the probability that a particular annotation is wrong. The share of errors has a prior, because few data cannot tell.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit

PENALTY = 0.1
"""Weight of the squared distance of the weights from where they start, in nats."""
LOGIT_RANGE = (-9.0, -0.4)
"""Of the share of errors: some 0.01 % to 40 %."""


@dataclass(frozen=True)
class ErrorPrior:
    """What is believed about a share of errors before any data: a beta distribution.

    Attributes:
        rate: its mean.
        strength: as many annotations' worth of evidence.
    """

    rate: float
    strength: float = 200.0

    def log_density(self, theta: float) -> tuple[float, float]:
        """Log density of the share's logit ``theta``, up to a constant, and its slope."""
        a, b = self.rate * self.strength, (1 - self.rate) * self.strength
        return -a * np.logaddexp(0, -theta) - b * np.logaddexp(0, theta), a - (a + b) * float(expit(theta))


def fit_conditional_logit(
    features: np.ndarray, given: np.ndarray, wrong: np.ndarray, start: np.ndarray, prior: ErrorPrior
) -> tuple[np.ndarray, float]:
    """Fit P(given label) = (1 - e) softmax(features · weights) + e · wrong by maximum a posteriori.

    Args:
        features: [M, C, F] of each object and class.
        given: [M] class as annotated.
        wrong: [C] share of each class among wrong labels.
        start: [F] weights where the data say nothing.
        prior: of the share of wrong labels.

    Returns:
        weights [F] and the share e of wrong labels.
    """
    rows = np.arange(len(given))
    of_wrong = wrong[given]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, theta = parameters[:-1], parameters[-1]
        error = expit(theta)
        log_right = log_softmax(features @ weights, axis=1)
        right = np.exp(log_right)
        own = right[rows, given]
        total = (1 - error) * own + error * of_wrong
        share = (1 - error) * own / total  # P(right | given)
        right *= -share[:, None]
        right[rows, given] += share
        slope = np.einsum("mc,mcf->f", right, features)
        slope_theta = ((of_wrong - own) / total).sum() * error * (1 - error)
        density, density_slope = prior.log_density(theta)
        pull = weights - start
        value = np.log(total).sum() + density - PENALTY * (pull @ pull)
        return -value, -np.append(slope - 2 * PENALTY * pull, slope_theta + density_slope)

    found = minimize(
        loss, np.append(start, logit(prior.rate)), jac=True, method="L-BFGS-B",
        bounds=[(None, None)] * len(start) + [LOGIT_RANGE],
    )  # fmt: skip
    return found.x[:-1], float(expit(found.x[-1]))


def fit_logistic(
    features: np.ndarray,
    annotated: np.ndarray,
    exposure: np.ndarray,
    start: np.ndarray,
    prior: ErrorPrior,
    known: bool = False,
) -> tuple[np.ndarray, float]:
    """Fit P(annotated) = (1 - e · exposure) expit(features · weights) by maximum a posteriori.

    Args:
        features: [M, F].
        annotated: [M] bool.
        exposure: [M] 0 to 1, by how much a forgotten object makes an annotation disappear.
        start: [F] weights where the data say nothing.
        prior: of the share of forgotten objects.
        known: take the prior's rate for e, where the data cannot tell it from weights that are too steep.

    Returns:
        weights [F] and the share e of forgotten objects.
    """

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, theta = parameters[:-1], parameters[-1]
        error = expit(theta)
        there = expit(features @ weights)
        kept = 1 - error * exposure
        absent = np.maximum(1 - kept * there, 1e-300)
        slope = np.where(annotated, 1 - there, -kept * there * (1 - there) / absent)
        slope_error = np.where(annotated, -exposure / kept, exposure * there / absent)
        value = np.where(annotated, np.log(np.maximum(kept * there, 1e-300)), np.log(absent)).sum()
        density, density_slope = prior.log_density(theta)
        pull = weights - start
        value += density - PENALTY * (pull @ pull)
        slope_theta = slope_error.sum() * error * (1 - error) + density_slope
        return -value, -np.append(slope @ features - 2 * PENALTY * pull, slope_theta)

    found = minimize(
        loss, np.append(start, logit(prior.rate)), jac=True, method="L-BFGS-B",
        bounds=[(None, None)] * len(start) + [(logit(prior.rate),) * 2 if known else LOGIT_RANGE],
    )  # fmt: skip
    return found.x[:-1], float(expit(found.x[-1]))


def probability_wrong(right: np.ndarray, wrong: np.ndarray, error: np.ndarray | float) -> np.ndarray:
    """Return P(wrong label | the label given), by Bayes' rule.

    Args:
        right: [M] probability of the given label for this object, were it right.
        wrong: [M] its share among wrong labels.
        error: share of wrong labels.
    """
    of_wrong = error * wrong * (1 - right)  # a wrong label is another than the right one
    return of_wrong / np.maximum(of_wrong + (1 - error) * right, 1e-300)


def probability_overlooked(there: np.ndarray, exposure: np.ndarray | float, error: np.ndarray | float) -> np.ndarray:
    """Return P(there is an object | it is not annotated), by Bayes' rule.

    Args:
        there: [M] probability of the object, before looking at the annotations.
        exposure: [M] 0 to 1, by how much a forgotten object makes an annotation disappear.
        error: share of forgotten objects.
    """
    forgotten = error * exposure * there
    return forgotten / np.maximum(forgotten + 1 - there, 1e-300)
