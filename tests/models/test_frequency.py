"""The baseline: a share counted by hand."""

import numpy as np

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families import frequency
from contextual_anomaly.models.registry import load_model, save
from contextual_anomaly.scenes import Scenes


def test_the_share_of_scenes_that_hold_each_class(tmp_path):
    """Of the four images that are not held out; half an image is added to either side."""
    counts = np.array([[9, 9, 9], [2, 0, 1], [1, 1, 0], [0, 1, 0], [3, 0, 0]], np.uint16)
    scenes = Scenes(np.arange(5), counts, ("a", "b", "c"), (1, 2, 3), "hand-made")
    fitted = frequency.fit(TrainingData(scenes), "f", frequency.Settings(family="frequency"), 1)
    save(fitted.model, tmp_path / "f.safetensors")
    model = load_model(tmp_path / "f.safetensors")
    presence = np.array([[0, 1, 0], [1, 1, 1]], np.float32)
    np.testing.assert_allclose(model.predict_proba(presence), [[[3.5 / 5, 2.5 / 5, 1.5 / 5]] * 2], rtol=1e-6)
    np.testing.assert_array_equal(model.predict_proba_toggled(presence), model.predict_proba(presence))
