"""What a model is given of one image, by hand-made images."""

import numpy as np
import pytest

from contextual_anomaly.models.evidence import input_classes, scene_evidence
from contextual_anomaly.models.families.ensemble import Ensemble
from contextual_anomaly.models.families.frequency import Frequency
from contextual_anomaly.models.families.masked import Masked
from contextual_anomaly.object_geometry import FEATURES

CLASSES, INPUTS = ("cup", "fork"), ("person", "cup", "fork")


def masked(width: int) -> Masked:
    """A network of `1 + width` inputs a class."""
    rng = np.random.default_rng(0)
    shapes = {
        "encoder": (1, 3, 1 + width, 4),
        "encoder_bias": (1, 4),
        "blocks": (1, 1, 4, 4),
        "block_bias": (1, 1, 4),
        "decoder": (1, 4, 2),
        "decoder_bias": (1, 2),
    }
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Masked("m", CLASSES, [0], INPUTS, {"mean": np.zeros((3, width)), "scale": np.ones(width), **tensors})


@pytest.fixture
def model() -> Ensemble:
    frequency = Frequency("f", CLASSES, np.array([-1.0, -2.0]))
    return Ensemble("e", CLASSES, [frequency, masked(len(FEATURES))], np.array([0.5, 0.5]), 0.0)


def test_presence_is_the_largest_score_of_a_class(model):
    found = scene_evidence(model, ["fork", "person", "fork", "frok"], [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(found.presence, [[0, 0.75]])
    assert found.column.tolist() == [1, -1, 1, -1]


def test_an_object_without_a_score_is_certain(model):
    assert scene_evidence(model, ["cup", "fork"], [None, 0.5]).presence.tolist() == [[1, 0.5]]
    assert scene_evidence(model, ["cup"]).presence.tolist() == [[1, 0]]


def test_geometry_is_that_of_the_input_classes(model):
    boxes = [(0, 0, 50, 25), (10, 10, 20, 20)]
    found = scene_evidence(model, ["cup", "person"], [0.5, 0.25], boxes, (100, 50))
    assert found.geometry is not None
    assert found.geometry.shape == (1, 3, 1 + len(FEATURES))
    # What is predicted gets its certainty by presence, a person by geometry.
    assert found.geometry[0, :, 0].tolist() == [0.25, 1, 0]
    assert found.geometry[0, 1, 2] == pytest.approx(0.5)
    inputs = model.estimators[1].encoding.encode(found.presence, found.geometry)
    assert inputs[0, :, 0].tolist() == [0.25, 0.5, 0]
    assert inputs[0, 1, 2] == pytest.approx(0.5 * 0.5)
    assert inputs[0, 0, 2] == pytest.approx(0.25 * np.sqrt(0.2 * 0.4))


def test_boxes_say_nothing_without_the_size_of_the_image(model):
    found = scene_evidence(model, ["cup"], None, [(0, 0, 5, 5)])
    assert found.geometry is not None
    assert np.isnan(found.geometry[0, 1, 2:]).all()


def test_models_that_learn_from_presence_alone_get_no_geometry(model):
    assert input_classes(model) == INPUTS
    assert input_classes(model.estimators[0]) == input_classes(masked(0)) == ()
    assert scene_evidence(masked(0), ["cup"], None, [(0, 0, 5, 5)], (9, 9)).geometry is None


def test_an_image_without_objects_has_none(model):
    found = scene_evidence(model, [])
    assert not found.presence.any()
    assert found.geometry is not None
    assert not found.geometry.any()
