"""Seeds on several devices: the processor, shown to JAX as two, fits what it fits as one."""

import json
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from contextual_anomaly.scenes import Scenes, write_scenes

pytestmark = pytest.mark.slow


@pytest.fixture
def scenes(tmp_path):
    rng = np.random.default_rng(0)
    counts = (rng.random((300, 12)) < np.linspace(0.1, 0.6, 12)).astype(np.uint16)
    path = tmp_path / "scenes.parquet"
    write_scenes(Scenes(np.arange(300), counts, tuple("abcdefghijkl"), tuple(range(12)), "random"), path)
    return path


SETTINGS = [
    {"family": "autoencoder", "objective": "published", "bottlenecks": [2, 5], "weight_seeds": [0, 1, 2],
     "epochs": 3, "batch_size": 64, "chosen_bottleneck": 5},
    {"family": "masked", "units": 8, "seeds": [0, 1, 2], "epochs": 2, "batch_size": 64},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["family"])
def test_seeds_are_spread_over_devices(settings, scenes, tmp_path):
    made = []
    for devices in (1, 2):
        output, history = tmp_path / f"{devices}.safetensors", tmp_path / f"{devices}.csv"
        # Three seeds: they do not come out even on two devices.
        options = ["--name=m", "--settings", json.dumps(settings), f"--scenes={scenes}", f"--output={output}"]
        options += [f"--history={history}", f"--calibration={tmp_path / 'calibration.parquet'}"]
        done = subprocess.run(
            ["contextual-anomaly", "fit", *options], check=True, capture_output=True, text=True,
            env=os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"},
        )  # fmt: skip
        assert ("2 devices" in done.stderr) == (devices == 2)
        made.append((load_file(output), pd.read_csv(history)))
    (weights, losses), (spread_weights, spread_losses) = made
    for name, value in weights.items():
        np.testing.assert_allclose(spread_weights[name], value, atol=1e-6, err_msg=name)
    pd.testing.assert_frame_equal(spread_losses, losses, atol=1e-6)
