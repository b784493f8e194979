"""The baseline: a share counted by hand."""

import numpy as np

from contextual_anomaly.models import frequency
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.scenes import Scenes


def test_the_share_of_scenes_that_hold_each_class(tmp_path):
    counts = np.array([[2, 0, 1], [1, 1, 0], [0, 1, 0], [3, 0, 0]], np.uint16)
    frequency.fit(
        Scenes(np.arange(4), counts, ("a", "b", "c"), (1, 2, 3), "hand-made"), tmp_path / "f.safetensors", "f"
    )
    model = load_model(tmp_path / "f.safetensors")
    evidence = np.array([[0, 1, 0], [1, 1, 1]], np.float32)
    np.testing.assert_array_equal(model.expected(evidence), [[[0.75, 0.5, 0.25]] * 2])
    np.testing.assert_array_equal(model.toggled(evidence), [[[0.75, 0.5, 0.25]] * 2])
