"""The promise of false alarms an hour: what each test may spend of it, and what was seen.

The chances of a false alarm of all tests that begin within one hour add up to at most what is promised for an hour; so does
then the expected number of false alarms, however the tests depend on each other.
"""

from collections import deque

from scipy.special import gammaincinv

from contextual_anomaly.watching.scene import Promise

HOUR = 3600.0
TESTS_AN_HOUR = 30.0
"""Tests that are reckoned with before any were seen."""
LARGEST_SHARE = 0.5
"""Of what is left of an hour, what one test may spend at most."""


class Budget:
    """Divides a rate of false alarms among tests, as they come."""

    def __init__(self, per_hour: float) -> None:
        """Promise a rate.

        Args:
            per_hour: false alarms an hour.
        """
        self.per_hour = per_hour
        self._spent: deque[tuple[float, float]] = deque()
        self._began: float | None = None

    def grant(self, hours: float) -> float:
        """Return the chance of a false alarm that a test which begins now may have.

        It is the rate divided by the number of tests an hour that is to be reckoned with, and never more than a share of
        what the tests of the last hour left. It depends on when tests begin alone, and not on what they find.

        Args:
            hours: watched so far; they do not fall.
        """
        if self._began is None:
            self._began = hours
        while self._spent and self._spent[0][0] <= hours - 1:
            self._spent.popleft()
        left = max(0.0, self.per_hour - sum(alpha for _, alpha in self._spent))
        alpha = min(self.per_hour / self._reckoned(hours), LARGEST_SHARE * left)
        self._spent.append((hours, alpha))
        return alpha

    def _reckoned(self, hours: float) -> float:
        """Return how many tests an hour there may be: two standard deviations above those of the last hour."""
        count = len(self._spent) + 1
        assert self._began is not None
        watched = min(1.0, hours - self._began)
        # Before an hour is over, the tests that were expected fill it up.
        count += (1 - watched) * TESTS_AN_HOUR
        return count + 2 * count**0.5


def rate_interval(events: int, hours: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a rate of events that come independently of each other (Poisson).

    >>> tuple(round(limit, 2) for limit in rate_interval(0, 6.2))
    (0.0, 0.59)

    Args:
        events: that were seen.
        hours: in which they were seen.
        confidence: of the interval.
    """
    if hours <= 0:
        return 0.0, float("inf")
    tail = (1 - confidence) / 2
    lower = gammaincinv(events, tail) if events else 0.0
    return float(lower / hours), float(gammaincinv(events + 1, 1 - tail) / hours)


def promise(per_hour: float | None, hours: float, seen: int, note: str | None) -> Promise:
    """Return what was promised and what was seen; see `Promise`."""
    return Promise(per_hour, hours, seen, *rate_interval(seen, hours), note)
