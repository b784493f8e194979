"""Experiment 1 from files to files: the same results on any number of cores."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.calibration import Calibration, write_calibration
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.registry import save
from contextual_anomaly.scenes import Scenes, write_scenes

CLASSES = tuple(f"class {c}" for c in range(79))  # as many as COCO has: BLAS splits such products between cores


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with scenes and a sweep of random weights that copies its input to a degree."""
    folder = tmp_path_factory.mktemp("experiment")
    rng = np.random.default_rng(0)
    counts = (rng.random((3000, 79)) < rng.uniform(0.01, 0.1, 79)).astype(np.uint16)
    counts = counts[counts.sum(1) >= 2]
    scenes = Scenes(np.arange(len(counts)), counts, CLASSES, tuple(range(1, 80)), "random")
    write_scenes(scenes, folder / "scenes.parquet")
    encoder = rng.normal(size=(3, 79, 15)).astype(np.float32)
    weights = {
        "encoder": encoder,
        "encoder_bias": rng.normal(size=(3, 15)).astype(np.float32),
        "decoder": (encoder.transpose(0, 2, 1) / 4 + 0.1 * rng.normal(size=(3, 15, 79))).astype(np.float32),
        "decoder_bias": np.full((3, 79), -4, np.float32),
    }
    variants = tuple(Variant(15, seed) for seed in range(3))
    save(Autoencoder("sweep", CLASSES, variants, weights, leave_one_out=False), folder / "sweep.safetensors")
    odds = np.linspace(-8, 8, 1000, dtype=np.float32)
    write_calibration(Calibration(odds, odds[-50:], len(odds)), folder / "calibration.parquet")
    return folder


def run(command: str, files, folder, threads: int, *options: str) -> None:
    """The command as a person runs it, told how many cores NumPy's matrix products may use."""
    program = "from contextual_anomaly.cli import main; main()"
    arguments = [command, "--model", files / "sweep.safetensors", "--scenes", files / "scenes.parquet"]
    arguments += ["--summary", folder / "s.parquet", "--csv", folder / "s.csv", "--n-resamples", "50", *options]
    cores = {f"{library}_NUM_THREADS": str(threads) for library in ("OPENBLAS", "OMP", "MKL")}
    done = [sys.executable, "-c", program, *map(str, arguments)]
    subprocess.run(done, check=True, env=os.environ | cores, capture_output=True)


def test_cores_change_no_figure(files, tmp_path):
    results = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        folder.mkdir()
        options = ["--trials-table", folder / "rows.parquet", "--train-scenes", files / "scenes.parquet"]
        options += [
            "--calibration",
            files / "calibration.parquet",
            "--curve",
            folder / "curve.csv",
            "--timing",
            folder / "t.json",
        ]
        run("experiment-corrected", files, folder, threads, *options, "--bottleneck", "15")
        timing = json.loads((folder / "t.json").read_text())
        assert 0 < timing["milliseconds_per_scene_of_many"] < timing["milliseconds_per_scene"]
        results.append((pq.read_table(folder / "rows.parquet"), (folder / "s.csv").read_bytes()))
    assert results[0][0].equals(results[1][0])
    assert results[0][1] == results[1][1]
