"""Tests that look again and again at evidence which repeats itself, and yet rarely raise a false alarm.

The p-values of one object at different times depend on each other in an unknown way. Twice their mean is a p-value whatever
the dependence (Rüschendorf 1982; Vovk and Wang, Biometrika 2020). A test looks after 1, 2, 4, 8 and so on seconds, and
at look k it may spend the share 2^-k of its chance of a false alarm: the chance that it is ever wrong is at most their sum.
"""

import math
from dataclasses import dataclass

FIRST_LOOK = 1.0
"""Seconds of evidence before the first look."""


@dataclass
class RepeatedTest:
    """One test, which looks at 1, 2, 4, 8 … times its first time.

    Attributes:
        alpha: the chance of a false alarm that it may have over all looks.
        first: seconds of evidence before the first look.
        looks: so far.
        evidence: seconds so far.
        total: sum of the p-values at the looks.
        rejected: whether it has raised an alarm; it stays so.
    """

    alpha: float
    first: float = FIRST_LOOK
    looks: int = 0
    evidence: float = 0.0
    total: float = 0.0
    rejected: bool = False

    @property
    def due(self) -> bool:
        """Whether it is time for the next look."""
        return self.evidence >= self.first * 2**self.looks

    @property
    def p_value(self) -> float | None:
        """Twice the mean p-value, at most 1; None before the first look."""
        return min(1.0, 2 * self.total / self.looks) if self.looks else None

    def look(self, p_value: float) -> bool:
        """Look, and return whether this raises the alarm.

        Args:
            p_value: of this moment.
        """
        self.looks += 1
        self.total += p_value
        combined = 2 * self.total / self.looks
        if self.rejected or math.isnan(combined) or combined > self.alpha * 2.0**-self.looks:
            return False
        self.rejected = True
        return True
