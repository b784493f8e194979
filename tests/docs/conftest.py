"""A small finished run for the examples of the documentation."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles", "src", "examples")
SMALL = """
world:
  {train_images: 600, val_images: 120, rendered_images: 4, video_seconds: 1}
models:
  published: {bottlenecks: [10], weight_seeds: [0], epochs: 1}
  denoising: null
  pairwise: {iterations: 5}
  mixture: {components: [4], seeds: [0], steps: 10}
  masked: {units: 8, seeds: [0], epochs: 1}
  masked_geometry: null
  ensemble: {estimators: [pairwise, mixture]}
experiments: {n_draws_published: 2, n_resamples: 20}
"""
WANTED = (
    "results/configuration.yaml",
    "results/models/ensemble.safetensors",
    "results/models/masked.safetensors",
    "results/models/frequency.safetensors",
    "results/experiments/corrected/mixture.summary.csv",
    "results/object_geometry/val.parquet",
    "results/anomalies/ensemble.csv",
)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of a program that runs in `run_folder`: this checkout's source comes first."""
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg"}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of what a clone holds, for dry runs; nothing has been run in it."""
    folder = tmp_path_factory.mktemp("docs") / "checkout"
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


@pytest.fixture(scope="session")
def run_folder(checkout, environment) -> Path:
    """A folder with the results of a small run: annotations, scenes, models and a list of anomalies."""
    folder = checkout.parent / "run"
    shutil.copytree(checkout, folder)
    (folder / "small.yaml").write_text(SMALL)
    command = ["snakemake", *WANTED, "--cores", "2", "--configfile", "small.yaml"]
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return folder
