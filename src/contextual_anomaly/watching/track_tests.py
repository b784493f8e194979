"""Tests that look again and again at evidence which repeats itself, and yet rarely raise a false alarm.

The p-values of one object at different times depend on each other in an unknown way. Twice their mean is a p-value whatever
the dependence (Rüschendorf 1982; Vovk and Wang, Biometrika 2020). A test looks after 1, 2, 4, 8 and so on seconds, and
at look k it may spend the share 3 / 4^k of its chance of a false alarm: the chance that it is ever wrong is at most their
sum. Most is spent on the first look, as what does not belong looks so at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

FIRST_LOOK = 1.0
"""Seconds of evidence before the first look."""


@dataclass
class RepeatedTest:
    """One test, or several that look together, at 1, 2, 4, 8 … times the first time.

    Attributes:
        alpha: the chance of a false alarm that each may have over all looks.
        first: seconds of evidence before the first look.
        looks: so far.
        evidence: seconds so far.
        total: sums of the p-values at the looks.
        rejected: whether it has raised an alarm; it stays so.
    """

    alpha: float | np.ndarray
    first: float = FIRST_LOOK
    looks: int = 0
    evidence: float = 0.0
    total: float | np.ndarray = 0.0
    rejected: bool | np.ndarray = False

    @property
    def due(self) -> bool:
        """Whether it is time for the next look."""
        return self.evidence >= self.first * 2**self.looks

    @property
    def p_value(self) -> Any:
        """The first p-value, or twice the mean of several, at most 1; None before the first look."""
        return np.minimum(1.0, self._factor * self.total / self.looks) if self.looks else None

    @property
    def _factor(self) -> int:
        return 1 if self.looks == 1 else 2

    def look(self, p_value: float | np.ndarray) -> Any:
        """Look, and return whether this raises the alarm.

        Args:
            p_value: of this moment; NaN raises none.
        """
        self.looks += 1
        self.total = self.total + p_value
        raised = np.less_equal(self._factor * self.total / self.looks, self.alpha * 3 * 4.0**-self.looks)
        raised = np.logical_and(raised, np.logical_not(self.rejected))
        self.rejected = np.logical_or(self.rejected, raised)
        return raised
