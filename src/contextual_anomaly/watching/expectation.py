"""What a camera lets expect: what the model says of the objects of the moment, and of those of the last minutes.

One moment shows a few of a place's objects; in two minutes many come and go, and what they let expect together says more of
the place. An object is therefore odd only if neither this moment nor the last minutes let expect it. As the past can excuse
an object and never blame it, p-values of single images stay p-values.
"""

import numpy as np

from contextual_anomaly.array_types import Float
from contextual_anomaly.models.confusions import LEAST, Confusions
from contextual_anomaly.stats.log_odds import expit, logit

MEMORY = 120.0
"""Seconds after which what a moment said has lost most of its weight."""


class Expectation:
    """The mean of what was expected at each moment, one that forgets."""

    def __init__(self, classes: int, confusions: Confusions | None) -> None:
        """Expect nothing yet.

        Args:
            classes: C, the number of classes.
            confusions: what the detector takes for something else; None where that is not known.
        """
        self._confusions = confusions
        self._sum, self._weight = np.zeros(classes), 0.0

    def step(self, log_odds: Float[np.ndarray, " C"], passed: float) -> Float[np.ndarray, " C"]:
        """Take what the model says of a moment, and return the log-odds that a report of each class has an ordinary cause.

        Args:
            log_odds: [C] that each class is there, given the others.
            passed: seconds since the last moment; 0 counts for nothing.
        """
        now, kept = expit(log_odds), float(np.exp(-passed / MEMORY))
        self._sum, self._weight = self._sum * kept + now * passed, self._weight * kept + passed
        if self._weight > 0:
            now = np.maximum(now, self._sum / self._weight)
        expected = logit(now, LEAST)
        return expected if self._confusions is None else self._confusions.explained(expected)
