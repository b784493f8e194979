"""Whether a camera is still like its calibration: a conformal test martingale over one p-value a visit.

It bets that visits look odder than those of the calibration. As long as they are exchangeable with them, its capital rarely
grows large: the chance that it ever reaches c is at most 1/c (Ville). The bets are those of the Simple Jumper (Vovk et al.
2021, arXiv 2102.10439), on small p-values alone, as only those break the promise.
"""

import numpy as np

from contextual_anomaly.watching.track_calibration import OrdinaryScores

ENOUGH = 100.0
"""Capital at which the calibration does not fit any more: by chance, one watch in a hundred ever gets there."""
BETS = np.array([-2.0, -1.0, 0.0])
"""A bet of slope b multiplies its capital by 1 + b (p - 1/2)."""
JUMP = 0.01
"""Share of the capital that is divided anew among the bets before each p-value."""


class SimpleJumper:
    """Bets against p-values that are uniform between 0 and 1 and independent."""

    def __init__(self) -> None:
        """Begin with a capital of 1."""
        self._capital = np.full(len(BETS), 1 / len(BETS))

    @property
    def capital(self) -> float:
        """What the initial capital of 1 has become."""
        return float(self._capital.sum())

    def bet(self, p_value: float) -> float:
        """Bet, and return the capital.

        Args:
            p_value: the next one.
        """
        shared = (1 - JUMP) * self._capital + JUMP * self.capital / len(BETS)
        self._capital = shared * (1 + BETS * (p_value - 0.5))
        return self.capital


class Drift:
    """Notices once that visits look odder than those of a calibration."""

    def __init__(self, ordinary: OrdinaryScores, seed: int = 0) -> None:
        """Begin with the calibration's scores.

        Args:
            ordinary: those of the calibration.
            seed: of the random numbers that decide between equal scores.
        """
        self._ordinary = ordinary
        self._jumper = SimpleJumper()
        self._rng = np.random.default_rng(seed)
        self.noticed = False

    def add(self, score: float) -> bool:
        """Take the score of a visit, and return whether the calibration does not fit any more; True only once.

        The p-value is the rank of the score among those of the calibration and of all visits so far, so that p-values of
        exchangeable visits are independent and uniform.

        Args:
            score: as in the calibration.
        """
        scores = self._ordinary.scores
        lower = np.searchsorted(scores, score, side="left")
        equal = np.searchsorted(scores, score, side="right") - lower + 1
        capital = self._jumper.bet(float(lower + self._rng.random() * equal) / (len(scores) + 1))
        self._ordinary = self._ordinary.with_score(score)
        if self.noticed or capital < ENOUGH:
            return False
        self.noticed = True
        return True
