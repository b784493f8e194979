"""The promise of false alarms an hour: what each test may spend of it, and what was seen.

The chances of a false alarm of all tests that begin within one hour add up to at most what is promised for an hour; so does
then the expected number of false alarms, however the tests depend on each other.
"""

from collections import deque

from scipy.special import gammaincinv

from contextual_anomaly.watching.scene import Promise

HOUR = 3600.0
TESTS_AN_HOUR, KNOWN_FOR = 30.0, 0.1
"""Tests that are reckoned with before any were seen, and the hours for which this counts as if they had been."""
LARGEST_SHARE, TESTS_LEFT = 0.5, 3.0
"""Of what is left of an hour, what one test may spend at most: a half, and 3 / N where N tests are to be reckoned with."""
LARGEST_CHANCE = 0.2
"""Of a false alarm in any test. Where many are allowed and little happens, a clock would be told that is as odd as every third
ordinary object; nobody calls that unexpected."""


class Budget:
    """Divides a rate of false alarms among tests, as they come."""

    def __init__(self, per_hour: float) -> None:
        """Promise a rate.

        Args:
            per_hour: false alarms an hour.
        """
        self.per_hour = per_hour
        self._spent: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._began: float | None = None

    def grant(self, hours: float) -> float:
        """Return the chance of a false alarm that a test which begins now may have.

        It is the rate divided by the number of tests an hour that is to be reckoned with, and never more than a share of
        what the tests of the last hour left, nor than `LARGEST_CHANCE`. It depends on when tests begin alone, and not on
        what they find.

        Args:
            hours: watched so far; they do not fall.
        """
        if self._began is None:
            self._began = hours
        while self._spent and self._spent[0][0] <= hours - 1:
            self._total -= self._spent.popleft()[1]
        left = max(0.0, self.per_hour - self._total)
        tests = self._reckoned(hours)
        alpha = min(self.per_hour / tests, min(LARGEST_SHARE, TESTS_LEFT / tests) * left, LARGEST_CHANCE)
        self._spent.append((hours, alpha))
        self._total += alpha
        return alpha

    def _reckoned(self, hours: float) -> float:
        """Return how many tests an hour there may be: two standard deviations above those of the last hour."""
        assert self._began is not None
        known = min(1.0, hours - self._began) + KNOWN_FOR
        rate = (len(self._spent) + TESTS_AN_HOUR * KNOWN_FOR) / known
        return 1 + rate + 2 * rate**0.5


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
