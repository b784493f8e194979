"""The real validation images from a server that misbehaves in every way."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.download.image_fetching import fetch_images
from contextual_anomaly.download.transfer import RetryPolicy
from tests.download.server import Misbehaviour

WRONG = [
    [],
    [Misbehaviour(break_after=5000)],
    [Misbehaviour(break_after=5000), Misbehaviour(ignore_range=True)],
    [Misbehaviour(break_after=5000), Misbehaviour(wrong_range=True)],
    [Misbehaviour(status=429, headers={"Retry-After": "0"})],
    [Misbehaviour(status=500), Misbehaviour(status=503)],
    [Misbehaviour(stall_after=5000)],
    [Misbehaviour(claim_length=10**7)],
    [Misbehaviour(break_after=5000, content=np.random.default_rng(0).bytes(20_000))],
]
"""What comes before the right answer; the last is another file, midway."""


@pytest.mark.coco
def test_every_real_image_comes_whole_or_is_named(site, shared_coco, tmp_path):
    folder = shared_coco / "images/val2017"
    images = pd.read_parquet(shared_coco / "annotations/val2017_images.parquet").sort_values("image_id")
    images["file_name"] = [f"{i:012d}.jpg" for i in images["image_id"]]
    there = images["file_name"].isin([path.name for path in folder.glob("*.jpg")])
    images = pd.concat([images[there].iloc[::4], images[~there].head(3)])
    images["coco_url"] = site.address + "/val2017/" + images["file_name"]
    for number, name in enumerate(images["file_name"].head(50)):
        site.files[f"/val2017/{name}"] = (folder / name).read_bytes()
        site.misbehaviours[f"/val2017/{name}"] = list(WRONG[number % len(WRONG)])
    retry = RetryPolicy(max_retries=5, backoff_factor=0.01, timeout=1)
    rows = fetch_images(images, tmp_path / "store", tmp_path / "out", tmp_path / "report.csv", 16, retry, ["127.0.0.1"])
    assert rows["status"].value_counts().to_dict() == {"present": 50, "missing": 3}
    assert not any(site.misbehaviours.values()), "a misbehaviour was not met"
    for path in (tmp_path / "out").glob("*.*g"):
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert len(list((tmp_path / "out").glob("*.*g"))) == 50
