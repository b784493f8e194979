"""Images one by one from a real server."""

import struct
import zlib

import cv2
import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.download import image_fetching
from contextual_anomaly.download.image_fetching import addresses_of, fetch_images
from contextual_anomaly.download.transfer import RetryPolicy
from contextual_anomaly.errors import UserError
from tests.download.server import Misbehaviour

IMPATIENT = RetryPolicy(max_retries=1, backoff_factor=0.01, timeout=0.5)


# A PNG that claims 60,000 × 60,000 pixels in its header, 10 GB.
BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
BOMB += struct.pack(">I", zlib.crc32(BOMB[12:]))


def jpeg(number: int, width: int = 32, height: int = 24) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


@pytest.fixture
def images(site) -> pd.DataFrame:
    """Twenty images that the server has."""
    names = [f"{i:012d}.jpg" for i in range(20)]
    for i, name in enumerate(names):
        site.files[f"/val2017/{name}"] = jpeg(i)
    urls = [f"{site.address}/val2017/{name}" for name in names]
    return pd.DataFrame({"image_id": range(20), "file_name": names, "width": 32, "height": 24, "coco_url": urls})


@pytest.fixture
def get(tmp_path):
    def run(images):
        return fetch_images(
            images, tmp_path / "store", tmp_path / "out", tmp_path / "report.csv", 4, IMPATIENT, ["127.0.0.1"]
        )

    return run


def path_of(number: int) -> str:
    return f"/val2017/{number:012d}.jpg"


def test_all_come_though_some_break_off(site, images, get, tmp_path):
    for number, wrong in enumerate(
        [
            Misbehaviour(break_after=100),
            Misbehaviour(status=503),
            Misbehaviour(stall_after=10),
            Misbehaviour(status=429),
        ]
    ):
        site.misbehaviours[path_of(number)] = [wrong]
    rows = get(images)
    assert rows["status"].tolist() == ["present"] * 20
    for i, name in enumerate(images["file_name"]):
        assert (tmp_path / "out" / name).read_bytes() == jpeg(i)
    assert len(list((tmp_path / "out").glob("*.*g"))) == 20
    assert pd.read_csv(tmp_path / "report.csv")["status"].tolist() == ["present"] * 20


def test_another_run_fetches_nothing_again_and_a_larger_one_the_rest(site, images, get, tmp_path):
    get(images.head(12))
    site.requests.clear()
    get(images.head(12))
    assert site.requests == []
    get(images)
    assert sorted(path for path, _ in site.requests) == [path_of(i) for i in range(12, 20)]
    get(images.head(3))  # the folder holds what was asked for, whatever is in the store
    assert len(list((tmp_path / "out").glob("*.*g"))) == 3


def test_a_missing_image_is_recorded_and_reported_and_the_rest_goes_on(site, images, get, tmp_path, capsys):
    del site.files[path_of(7)]
    images.loc[9, "coco_url"] = ""
    rows = get(images).set_index("image_id")
    assert rows["status"].value_counts().to_dict() == {"present": 18, "missing": 2}
    assert "404" in rows.loc[7, "problem"]
    assert "no coco_url" in rows.loc[9, "problem"]
    assert "000000000007.jpg: missing" in capsys.readouterr().err
    assert len(list((tmp_path / "out").glob("*.*g"))) == 18


def test_one_server_that_has_no_such_image_is_believed(site, images, get, monkeypatch):
    monkeypatch.setattr(
        image_fetching, "addresses_of", lambda url: (url.replace(site.address, "http://127.0.0.1:9"), url)
    )
    del site.files[path_of(2)]
    assert get(images.head(5))["status"].tolist() == ["present", "present", "missing", "present", "present"]


def test_a_failure_that_may_pass_ends_in_an_error_and_loses_nothing(site, images, get, tmp_path):
    site.always[path_of(5)] = Misbehaviour(status=500)
    with pytest.raises(UserError, match=r"1 of 20 images could not be fetched, the first 000000000005\.jpg: .*500"):
        get(images)
    assert not (tmp_path / "out").exists()
    assert pd.read_csv(tmp_path / "report.csv").set_index("image_id").loc[5, "status"] == "failed"
    site.always.clear()
    site.requests.clear()
    get(images)
    assert [path for path, _ in site.requests] == [path_of(5)]


def test_a_size_that_the_annotations_do_not_give_is_not_compared(site, images, get, tmp_path):
    images.loc[:9, ["width", "height"]] = 0
    site.files[path_of(0)] = jpeg(0, width=50)
    assert get(images)["status"].tolist() == ["present"] * 20
    assert (tmp_path / "out" / images["file_name"][0]).read_bytes() == jpeg(0, width=50)


@pytest.mark.parametrize("content", [b"<html>busy</html>", b"", jpeg(3)[:200], jpeg(3)[:-2], jpeg(3, width=16), BOMB])
def test_what_is_not_the_image_is_not_kept(site, images, get, tmp_path, content):
    site.files[path_of(3)] = content
    with pytest.raises(UserError, match=r"000000000003\.jpg"):
        get(images.head(5))
    assert not (tmp_path / "store/000000000003.jpg").exists()
    site.files[path_of(3)] = jpeg(3)
    assert get(images.head(5))["status"].eq("present").all()


def test_a_damaged_image_in_the_store_is_fetched_again(images, get, tmp_path):
    get(images.head(4))
    (tmp_path / "store/000000000002.jpg").unlink()
    (tmp_path / "store/000000000002.jpg").write_bytes(b"damaged")
    get(images.head(4))
    assert (tmp_path / "out/000000000002.jpg").read_bytes() == jpeg(2)


@pytest.mark.parametrize("name", ["../evil.jpg", "/tmp/evil.jpg", "C:\\evil.jpg"])
def test_a_name_that_points_outside_is_refused_before_anything_is_fetched(site, images, get, tmp_path, name):
    images.loc[4, "file_name"] = name
    with pytest.raises(UserError, match=r"image 4: file_name .* points outside"):
        get(images)
    assert site.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_gave_up_is_asked_last_from_then_on(site, images, get, monkeypatch, caplog):
    """One silent server costs the first images their tries, not every image."""
    dead = "http://127.0.0.1:9"
    monkeypatch.setattr(image_fetching, "addresses_of", lambda url: (url.replace(site.address, dead), url))
    caplog.clear()
    assert get(images)["status"].eq("present").all()
    assert len([line for line in caplog.messages if dead in line]) <= 4  # one try more for each of four connections


def test_coco_comes_over_tls_first():
    seed = "http://images.cocodataset.org/val2017/000000000139.jpg"
    over_tls = "https://s3.amazonaws.com/images.cocodataset.org/val2017/000000000139.jpg"
    assert addresses_of(seed) == (over_tls, seed)
    assert addresses_of("https://example.org/1.jpg") == ("https://example.org/1.jpg",)
