"""A small finished run for the examples of the documentation."""

import os
import shutil
from pathlib import Path

import pytest

from tests.workflow.conftest import run_once

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles", "src", "examples")


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
def run_folder(checkout, tmp_path_factory) -> Path:
    """A folder with the results of a small run, which examples may write into."""
    folder = checkout.parent / "run"
    shutil.copytree(run_once(tmp_path_factory).folder, folder, symlinks=True)
    shutil.copytree(checkout / "examples", folder / "examples")
    return folder
