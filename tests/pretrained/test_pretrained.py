"""The models that come with the package are there and answer."""

import numpy as np
import pytest

from contextual_anomaly import pretrained
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.registry import load_model


def test_every_model_that_comes_with_the_package_loads():
    assert pretrained.names() == ["coco", "coco-small"]
    for name in pretrained.names():
        model = load_model(pretrained.find(name))
        assert len(model.classes) == 79
        assert "person" not in model.classes
        presence = np.zeros((1, 79), np.float32)
        presence[0, [model.classes.index(found) for found in ("fork", "knife", "dining table", "surfboard")]] = 1
        expected = dict(zip(model.classes, model.predict_proba(presence)[0, 0], strict=True))
        assert 20 * expected["surfboard"] < expected["fork"]


def test_an_unknown_model_says_which_there_are():
    with pytest.raises(UserError, match="'lvis' does not come with the package, only coco, coco-small"):
        pretrained.find("lvis")


def test_a_pair_that_was_not_calibrated_has_no_calibration():
    assert pretrained.find_calibration("coco", "no such detector") is None
