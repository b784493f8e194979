"""An output says what made it, and only that."""

import json
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest

from contextual_anomaly.models.store import read_model
from contextual_anomaly.scenes import Scenes, write_scenes


@pytest.fixture
def made(tmp_path):
    """A function that fits a tiny mixture with some options and gives the model's metadata and bytes."""
    counts = np.random.default_rng(0).integers(0, 2, (40, 6)).astype(np.uint16)
    write_scenes(Scenes(np.arange(40), counts, tuple("abcdef"), tuple(range(6)), "x"), tmp_path / "scenes.parquet")

    def fit(folder, seed, *options):
        out = tmp_path / folder / "m.safetensors"
        settings = {"family": "mixture", "components": [2], "seeds": [seed], "steps": 20}
        command = ["contextual-anomaly", "fit", f"--scenes={tmp_path}/scenes.parquet", "--name=m"]
        command += [f"--settings={json.dumps(settings)}", f"--output={out}", f"--history={out}.csv"]
        subprocess.run([*command, f"--calibration={out}.parquet", *options], check=True, capture_output=True)
        return read_model(out)[0], out.read_bytes()

    return fit


def test_settings_are_kept_and_paths_and_threads_are_not(made):
    metadata, content = made("first", 3, "--threads=1")
    settings = json.loads(metadata["settings"])
    assert settings["command"] == "fit"
    assert json.loads(settings["settings"])["seeds"] == [3]
    assert settings["minimum_classes"] == 2
    assert not {"threads", "output", "scenes"} & set(settings)
    assert made("second", 3, "--threads=2") == (metadata, content)


def test_another_setting_gives_another_digest(made):
    digests = {made(f"s{seed}", seed)[0]["settings_sha256"] for seed in (1, 2)}
    assert len(digests) == 2


def test_tables_carry_it_too(instances, write_json, tmp_path):
    targets = [f"--{name}={tmp_path}/{name}.parquet" for name in ("annotations", "images", "categories")]
    subprocess.run(
        ["contextual-anomaly", "annotations", write_json(instances), *targets], check=True, capture_output=True
    )
    metadata = pq.read_schema(tmp_path / "images.parquet").metadata
    defaults = {"split": "train", "divide": False, "strict": False}
    assert json.loads(metadata[b"settings"]) == {"command": "annotations"} | defaults
    assert metadata[b"contextual_anomaly_version"]
