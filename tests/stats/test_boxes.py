"""Shared areas against pixels that are counted, and the largest of some values against a loop."""

import numpy as np

from contextual_anomaly.stats.box_pairs import largest
from contextual_anomaly.stats.boxes import shared_area


def test_shared_area_is_that_of_the_pixels_in_both_boxes():
    """Each of five boxes with each of seven, apart, touching and inside; unknown with any is unknown."""
    rng = np.random.default_rng(0)
    first, second = (np.hstack([rng.integers(0, 6, (n, 2)), rng.integers(0, 5, (n, 2))]).astype(float) for n in (5, 7))
    y, x = np.mgrid[:12, :12]

    def pixels(box: np.ndarray) -> np.ndarray:
        return (x >= box[0]) & (x < box[0] + box[2]) & (y >= box[1]) & (y < box[1] + box[3])

    counted = [[(pixels(one) & pixels(other)).sum() for other in second] for one in first]
    np.testing.assert_array_equal(shared_area(first[:, None], second), counted)
    assert 0 < np.count_nonzero(counted) < np.size(counted)
    assert np.isnan(shared_area(np.full(4, np.nan), second)).all()


def test_largest_at_each_row():
    """Also of values below zero; where there is none, what is asked for."""
    at, values = np.array([2, 0, 2, 0]), np.array([-3.0, -1.0, -2.0, -5.0])
    np.testing.assert_array_equal(largest(4, at, values, nothing=np.nan), [-1, np.nan, -2, np.nan])
    np.testing.assert_array_equal(largest(4, at, values), [-1, 0, -2, 0])
