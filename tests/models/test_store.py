"""Model files: every changed bit is noticed, and what a file of another program may hold."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.families.frequency import Frequency
from contextual_anomaly.models.registry import full_state, load_model, save
from contextual_anomaly.models.store import METADATA, in_half_precision, write_model
from tests.torture.outcomes import outcomes


@pytest.fixture
def path(tmp_path):
    save(Frequency("m", ("cup", "fork"), np.array([0.5, -1], np.float32)), tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def test_every_flipped_bit_is_noticed_or_changes_nothing(path):
    def read():
        model = load_model(path)
        return model.name, model.classes, model.log_odds(np.eye(2)).tolist()

    found = outcomes(path, read, tries=700)
    assert found.keys() <= {"clear", "harmless"}
    assert found["clear"] > 0.9 * found.total()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text, tensors: tensors.update(bias=np.array([0.5, np.nan], np.float32)), "not finite, in bias"),
        (lambda text, tensors: tensors.update(bias=np.zeros(3, np.float32)), "its parts do not fit together"),
        (lambda text, tensors: text.update(classes='["cup", "cup"]'), "class names are not different texts"),
        (lambda text, tensors: text.update(classes="{"), "its parts do not fit together"),
        (lambda text, tensors: tensors.pop("bias"), "it lacks 'bias'"),
    ],
)
def test_a_file_with_a_right_digest_is_checked_as_well(path, change, said):
    metadata, tensors = full_state(load_model(path))
    change(metadata, tensors)
    write_model(path, tensors, metadata)
    with pytest.raises(UserError, match=said):
        load_model(path)


def test_a_file_without_a_digest_is_of_an_earlier_version_and_is_read(path):

    metadata, tensors = full_state(load_model(path))
    save_file(tensors, path, {METADATA: json.dumps(metadata)})
    assert load_model(path).classes == ("cup", "fork")


def test_half_precision_keeps_eleven_bits_and_refuses_what_does_not_fit():
    rng = np.random.default_rng(0)
    tensors = {"a": rng.normal(size=(50, 4)).astype(np.float32), "b": rng.random(9), "c": np.arange(3)}
    halved = in_half_precision(tensors)
    assert [tensor.dtype for tensor in halved.values()] == [np.float16, np.float32, np.arange(3).dtype]
    for name, bits in (("a", 11), ("b", 24)):
        np.testing.assert_allclose(halved[name], tensors[name], rtol=2.0**-bits, atol=2**-25)
    with pytest.raises(UserError, match="tensor big: a number is too large for float16"):
        in_half_precision({"big": np.array([1e6], np.float32)})


def test_the_name_of_the_digest_is_covered_as_well(path):
    content = path.read_bytes()
    assert content.count(b'\\"sha256\\"') == 1
    for position in range(6):
        damaged = bytearray(b"sha256")
        damaged[position] ^= 1
        path.write_bytes(content.replace(b'\\"sha256\\"', b'\\"' + damaged + b'\\"'))
        with pytest.raises(UserError, match="not that of its digest"):
            load_model(path)
