"""Models of a run, packaged for others."""

import json
import shutil
import subprocess

import pytest

from contextual_anomaly import pretrained
from contextual_anomaly.models.calibration import read_calibration
from contextual_anomaly.models.registry import load_model
from tests.workflow.conftest import Project

pytestmark = pytest.mark.workflow


def test_a_packaged_model_has_a_card_and_calibrations(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    settings = "pretrained={models: {mine: ensemble}, data_licence: made up}"
    project.snakemake("pretrained", "--rerun-triggers", "mtime", "--config", settings)
    results = project.folder / "results"
    path = pretrained.model_file("mine", results)
    assert path == results / "pretrained/mine.safetensors"
    assert path.stat().st_size < 0.7 * (results / "models/ensemble.safetensors").stat().st_size
    assert pretrained.calibrated(path) == ["annotations", "world"]
    model = load_model(path)
    for detector in (None, "world"):
        calibration = read_calibration(pretrained.find_calibration(path, detector), model)
        assert calibration.detector == (detector or "")
    card = json.loads((results / "pretrained/mine.json").read_text())
    assert card["data"]["licence"] == "made up"
    assert set(card["settings"]) == {"ensemble", "pairwise", "mixture", "masked", "masked_geometry"}
    assert card["precision"]["largest_change"] < 0.02  # of 200 images, of which one may change its rank
    shown = subprocess.run(
        ["contextual-anomaly", "models", "show", "mine", "--run", results], text=True, capture_output=True, check=True
    )
    assert "which is right" in shown.stdout
