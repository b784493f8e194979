"""The sweep's inference against Flax's own forward pass and a plain loop over classes."""

import jax.numpy as jnp
import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import Variant, variant_index
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.registry import load_model, save
from contextual_anomaly.models.training.autoencoder_net import AutoencoderNet

CLASSES = ("bed", "book", "cat", "cup", "fork")


@pytest.fixture
def make():
    """Two variants, of 2 and 3 units, with random weights; the first is padded."""
    rng = np.random.default_rng(0)
    weights = {
        "encoder": rng.normal(size=(2, 5, 3)),
        "encoder_bias": rng.normal(size=(2, 3)),
        "decoder": rng.normal(size=(2, 3, 5)),
        "decoder_bias": rng.normal(size=(2, 5)),
    }
    weights["encoder"][0, :, 2] = weights["encoder_bias"][0, 2] = weights["decoder"][0, 2] = 0
    weights = {name: tensor.astype(np.float32) for name, tensor in weights.items()}
    return lambda leave_one_out: Autoencoder("test", CLASSES, (Variant(2, 0), Variant(3, 0)), weights, leave_one_out)


@pytest.fixture
def presence():
    return np.random.default_rng(1).integers(0, 2, (7, 5)).astype(np.float32)


def flax_forward(model, variant, presence):
    width = model.variants[variant].bottleneck
    params = {
        "encoder": {"kernel": model.encoder[variant][:, :width], "bias": model.encoder_bias[variant, :width]},
        "decoder": {"kernel": model.decoder[variant][:width], "bias": model.decoder_bias[variant]},
    }
    logits = AutoencoderNet(5, width).apply({"params": params}, presence)
    return 1 / (1 + jnp.exp(-logits))


def with_own_presence(model, presence, replace):
    result = np.empty((2, *presence.shape))
    for m in range(2):
        for c in range(5):
            changed = presence.copy()
            changed[:, c] = replace(presence[:, c])
            result[m, :, c] = flax_forward(model, m, changed)[:, c]
    return result


def test_the_published_expectation_is_the_reconstruction(make, presence):
    model = make(leave_one_out=False)
    expected = np.stack([flax_forward(model, m, presence) for m in range(2)])
    np.testing.assert_allclose(model.predict_proba(presence), expected, atol=1e-6)


def test_leave_one_out_does_not_see_the_class_that_it_answers_for(make, presence):
    model = make(leave_one_out=True)
    answer = with_own_presence(model, presence, np.zeros_like)
    np.testing.assert_allclose(model.predict_proba(presence), answer, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba_toggled(presence), answer, atol=1e-6)


def test_toggled_is_one_pass_for_every_single_change(make, presence):
    model = make(leave_one_out=False)
    np.testing.assert_allclose(
        model.predict_proba_toggled(presence), with_own_presence(model, presence, lambda own: 1 - own), atol=1e-6
    )


def test_a_model_comes_back_as_it_was_written(make, presence, tmp_path):
    model = make(leave_one_out=True)
    save(model, tmp_path / "m.safetensors", {"objective": "test"})
    again = load_model(tmp_path / "m.safetensors")
    assert (again.name, again.classes, again.variants) == (model.name, model.classes, model.variants)
    np.testing.assert_array_equal(again.predict_proba(presence), model.predict_proba(presence))


def test_a_missing_bottleneck_is_named(make):
    assert variant_index(make(leave_one_out=True), 3) == 1
    with pytest.raises(UserError, match=r"no bottleneck 10, it has \[2, 3\]"):
        variant_index(make(leave_one_out=True), 10)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(UserError, match="there is no such file"):
        load_model(path)
    path.write_bytes(b"not a model")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_model(path)


def test_a_model_file_can_be_read_by_whoever_may_read_its_neighbours(make, tmp_path):
    save(make(leave_one_out=True), tmp_path / "m.safetensors")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
