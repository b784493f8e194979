"""The masked network's inference in NumPy against Flax's own forward pass, one class at a time."""

import numpy as np
import pytest

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families import masked
from contextual_anomaly.models.inputs import sparse_inputs
from contextual_anomaly.models.training.masked import MaskedNet, dense_inputs, device_arrays
from contextual_anomaly.scenes import Scenes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("geometry", [False, True])
def test_every_answer_is_a_forward_pass_without_the_class(data, geometry):
    settings = masked.Settings(
        family="masked", geometry=geometry, units=8, blocks=2, seeds=[0], epochs=1, batch_size=64
    )
    model = masked.fit(data, "m", settings, 1).model
    weights = {name: tensor[0] for name, tensor in model.tensors.items() if name not in ("mean", "scale")}
    params = {
        "encoder": {"kernel": weights["encoder"].reshape(-1, 8), "bias": weights["encoder_bias"]},
        "decoder": {"kernel": weights["decoder"], "bias": weights["decoder_bias"]},
        **{f"block_{b}": {"kernel": weights["blocks"][b], "bias": weights["block_bias"][b]} for b in range(2)},
    }
    rows = np.arange(40)
    presence, where = data.scenes.where(rows).presence, data.geometry(rows)
    presence[0] = np.linspace(0, 1, 6)  # probabilities
    answer = model.log_odds(presence, where)[0]
    inputs = np.zeros((40, 6, 7 if geometry else 6, 8 if geometry else 1))
    for n, c, a in np.ndindex(inputs.shape[:3]):
        there = presence[n, a - geometry] if a >= geometry else where[n, 0, 0]
        inputs[n, c, a, 0] = there = 0 if a - geometry == c else there
        if geometry:
            features = (where[n, a, 1:] - model.tensors["mean"][a]) / model.tensors["scale"]
            inputs[n, c, a, 1:] = features * there * where[n, a, 0]
    passes = np.asarray(MaskedNet(6, 8, 2, 0.0).apply({"params": params}, inputs.reshape(240, -1))).reshape(40, 6, 6)
    np.testing.assert_allclose(answer, passes[:, np.arange(6), np.arange(6)], atol=1e-4)


def test_training_and_prediction_have_the_same_inputs(data):
    """Training keeps the present classes only; made dense again, each is presence and standardised features."""
    settings = masked.Settings(family="masked", geometry=True, units=8, seeds=[0], epochs=1, batch_size=64)
    model = masked.fit(data, "m", settings, 1).model
    rows = np.array([3, 50, 7, 200])
    sparse = sparse_inputs(model.encoding, data, rows)
    classes, features, presence = device_arrays(sparse)
    dense = np.asarray(dense_inputs(classes, features, 7))
    where = data.geometry(rows)
    present = where[..., :1]
    standardised = (where[..., 1:] - model.tensors["mean"]) / model.tensors["scale"]
    np.testing.assert_array_equal(presence, data.scenes.counts[rows] > 0)
    np.testing.assert_array_equal(dense[..., :1], present)
    np.testing.assert_allclose(dense[..., 1:], standardised * present, rtol=1e-3, atol=1e-3)  # in half precision
    predicted = model.encoding.encode(data.scenes.where(rows).presence, where)
    np.testing.assert_allclose(dense, predicted, rtol=1e-3, atol=1e-3)
    of_fitted = data.geometry(~data.held_out)
    mask = of_fitted[..., 0] > 0
    for a in range(7):
        np.testing.assert_allclose(model.tensors["mean"][a], of_fitted[mask[:, a], a, 1:].mean(0), rtol=1e-4)


def test_objects_without_geometry_are_typical(data):
    """Without geometry the features are those of a class's mean object, and classes that are not predicted are absent."""
    settings = masked.Settings(family="masked", geometry=True, units=8, seeds=[0], epochs=1, batch_size=64)
    model = masked.fit(data, "m", settings, 1).model
    rows = np.arange(10)
    presence = data.scenes.where(rows).presence
    typical = np.zeros((10, 7, 8), np.float32)
    typical[:, 1:, 0] = presence
    typical[..., 1:] = model.tensors["mean"]
    np.testing.assert_allclose(model.log_odds(presence), model.log_odds(presence, typical), atol=1e-5)


def test_learns_the_conditionals_of_the_world(data, world):
    """After some epochs its predictions are near the exact conditionals of the mixture."""
    from contextual_anomaly.models.families.oracle import Oracle

    settings = masked.Settings(family="masked", units=32, seeds=[0], epochs=30, batch_size=128, mask_rate=0.05)
    fitted = masked.fit(data, "m", settings, 2)
    exact = Oracle("o", data.classes, *world)
    presence = data.held_out_presence
    difference = fitted.model.predict_proba(presence) - exact.predict_proba(presence)
    assert np.abs(difference).mean() < 0.04
    assert fitted.history["val_loss"].iloc[-1] < fitted.history["val_loss"].iloc[0]


def test_few_images_get_the_steps_that_they_need_and_the_best_epoch_is_kept():
    """Sixty images, each two of four classes that go together: six epochs are six steps."""
    scenes = np.tile(np.repeat(np.eye(2, dtype=np.uint16), 2, axis=1), (30, 1))
    data = TrainingData(Scenes(np.arange(60), scenes, ("a", "b", "c", "d"), (1, 2, 3, 4), "pairs"))
    losses = {}
    for min_steps in (None, 200):
        settings = masked.Settings(family="masked", units=16, seeds=[0], min_steps=min_steps)
        fitted = masked.fit(data, "masked", settings, 1)
        assert len(fitted.history) == (min_steps or 6)
        odds = fitted.model.log_odds(data.held_out_presence)[0]
        losses[min_steps] = np.logaddexp(0, np.where(data.held_out_presence > 0, -odds, odds)).sum(1).mean()
    assert losses[200] == pytest.approx(fitted.history["val_loss"].min(), rel=0.2)
    assert losses[200] < losses[None] / 4
