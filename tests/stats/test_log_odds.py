"""Log-odds against SciPy."""

import numpy as np
from scipy import special

from contextual_anomaly.stats.log_odds import expit, expit_in_place, logit


def test_logit_is_that_of_scipy_away_from_the_ends():
    p = np.linspace(0.001, 0.999, 101)
    np.testing.assert_allclose(logit(p), special.logit(p), rtol=1e-12)
    np.testing.assert_allclose(logit([0, 1], eps=0.01), special.logit([0.01, 0.99]), rtol=1e-12)


def test_expit_is_that_of_scipy_and_never_overflows():
    odds = np.array([[-1000, -30, -1.5], [0, 20, 1000]])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(expit(odds), special.expit(odds), rtol=1e-13)
    assert odds[0, 0] == -1000  # the argument is left as it was


def test_in_place_writes_into_the_array_in_its_own_precision():
    odds = np.linspace(-20, 20, 999, dtype=np.float32)
    wanted = special.expit(odds.astype(np.float64))
    result = expit_in_place(odds)
    assert result is odds
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, wanted, rtol=1e-6)
