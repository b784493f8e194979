"""Counts along a ranking are the same, whichever way they are made."""

import numpy as np
import pytest

from contextual_anomaly.stats import weighted_counts
from contextual_anomaly.stats.weighted_counts import weighted_cumulative_counts


@pytest.mark.parametrize("images", [4, 400])  # of many images the counts are sparse
@pytest.mark.parametrize("cells", [0, weighted_counts.CELLS])
def test_counts_are_sums_of_weights(images, cells, monkeypatch):
    monkeypatch.setattr(weighted_counts, "CELLS", cells)
    rng = np.random.default_rng(0)
    image, weights = rng.integers(0, images, 60), rng.integers(0, 4, (7, images)).astype(np.float32)
    ends = np.array([-1, -1, 0, 3, 3, 20, 58])
    counts = weighted_cumulative_counts(image, ends, weights)
    np.testing.assert_array_equal(counts, np.stack([weights[:, image[: end + 1]].sum(1) for end in ends], axis=1))


def test_nothing_is_counted_where_there_is_nothing():
    weights = np.ones((3, 2), np.float32)
    assert weighted_cumulative_counts(np.zeros(0, int), np.zeros(0, int), weights).shape == (3, 0)
    assert not weighted_cumulative_counts(np.zeros(2, int), np.array([-1]), weights).any()
