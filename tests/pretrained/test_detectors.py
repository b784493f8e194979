"""Detectors by name: found where they are, verified, fetched once, and a clear way out without network."""

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.pretrained import detectors
from contextual_anomaly.runtime.choices import DetectorFamily

CONTENT = np.random.default_rng(0).bytes(50_000)
OTHER_EXPORT = np.random.default_rng(1).bytes(50_000)


@pytest.fixture
def toy(site, monkeypatch):
    """A detector of that name, published by a server on this machine."""
    site.files["/toy.onnx"] = CONTENT
    checksums = [sha256(content).hexdigest() for content in (CONTENT, OTHER_EXPORT)]
    detector = detectors.NamedDetector(
        "toy", DetectorFamily.yolox, f"{site.address}/toy.onnx", len(CONTENT), checksums[0], (checksums[1],)
    )
    monkeypatch.setitem(detectors.DETECTORS, "toy", detector)
    return detector


def test_a_detector_is_fetched_once(toy, site, cache):
    assert detectors.find("toy") is None
    path = detectors.fetch("toy")
    assert path == cache / "toy.onnx"
    assert path.read_bytes() == CONTENT
    assert detectors.fetch("toy") == detectors.find("toy") == path
    assert [requested for requested, _ in site.requests] == ["/toy.onnx"]


def test_a_damaged_file_is_fetched_again(toy, cache, caplog):
    cache.mkdir(parents=True)
    (cache / "toy.onnx").write_bytes(CONTENT[:-1] + b"x")
    assert detectors.find("toy") is None
    assert f"{cache / 'toy.onnx'}: this is not toy" in caplog.text
    assert detectors.fetch("toy").read_bytes() == CONTENT


def test_a_local_copy_and_another_export_of_the_network_are_taken(toy, site, cache, tmp_path, caplog):
    local = tmp_path / "toy.onnx"
    local.write_bytes(OTHER_EXPORT)
    assert detectors.fetch("toy", tmp_path) == local
    assert site.requests == []
    local.write_bytes(b"something else")
    assert detectors.fetch("toy", tmp_path) == cache / "toy.onnx"
    assert f"{local}: this is not toy" in caplog.text


def test_another_export_is_taken_from_the_cache_as_well(toy, site, cache):
    cache.mkdir(parents=True)
    (cache / "toy.onnx").write_bytes(OTHER_EXPORT)
    assert detectors.fetch("toy") == cache / "toy.onnx"
    assert site.requests == []


def test_a_file_is_recognised_by_its_content(toy, tmp_path):
    path = tmp_path / "any_name.onnx"
    for content, name in ((CONTENT, "toy"), (OTHER_EXPORT, "toy"), (b"x", None)):
        path.write_bytes(content)
        assert detectors.identify(path) == name


def test_without_network_the_message_says_what_to_fetch_and_where_to_put_it(toy, site, cache):
    del site.files["/toy.onnx"]
    with pytest.raises(UserError) as error:
        detectors.fetch("toy")
    for said in (toy.address, "50,000 bytes", toy.sha256, str(cache / "toy.onnx"), "Without network"):
        assert said in str(error.value)


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(UserError, match="'yolo' is unknown, expected one of yolox-nano, yolox-tiny, yolox-s"):
        detectors.fetch("yolo")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a home")
def test_a_user_without_a_home_is_told_what_to_set():
    program = (
        "import os; from contextual_anomaly.pretrained import detectors; os.setuid(54321); detectors.fetch('yolox-s')"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, text=True, capture_output=True, check=False)
    assert "UserError: detector yolox-s: there is no place to keep it" in done.stderr
    assert "Set XDG_CACHE_HOME" in done.stderr


def test_the_export_that_tests_use_is_yolox_nano(shared_coco):
    assert detectors.identify(shared_coco / "weights/yolox_nano.onnx") == "yolox-nano"


def test_another_file_than_expected_is_refused_and_nothing_stays(toy, site, cache):
    for content, said in ((CONTENT[:-1] + b"x", "SHA-256"), (CONTENT + b"x", "it sent more"), (b"", "it sent 0")):
        site.files["/toy.onnx"] = content
        with pytest.raises(UserError, match=said):
            detectors.fetch("toy")
        assert not (cache / "toy.onnx").exists()


def test_a_fetched_detector_is_copied_where_it_is_wanted(toy, cache, tmp_path):
    assert detectors.fetch("toy", output=tmp_path / "out/toy.onnx").read_bytes() == CONTENT
    assert (cache / "toy.onnx").read_bytes() == CONTENT
