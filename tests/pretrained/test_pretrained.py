"""The models that come with the package: they load, answer, and are what their cards say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from contextual_anomaly import pretrained
from contextual_anomaly.cli import application
from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.calibration import read_calibration
from contextual_anomaly.pretrained import cards

NAMES = ("coco", "coco-small")


@pytest.fixture(scope="module")
def models() -> dict:
    """Every model that comes with the package, loaded."""
    return {name: registry.load_model(pretrained.find(name)) for name in NAMES}


def run(*arguments):
    return CliRunner().invoke(application(["models"]), ["models", *map(str, arguments)])


def test_the_models_are_there_and_take_less_than_8_mb():
    assert tuple(pretrained.names()) == NAMES
    assert sum(path.stat().st_size for path in pretrained.FOLDER.iterdir() if path.is_file()) < 8e6


def test_they_expect_a_fork_and_no_surfboard_at_the_table(models):
    for model in models.values():
        assert len(model.classes) == 79
        assert "person" not in model.classes
        presence = np.zeros((1, 79), np.float32)
        presence[0, [model.classes.index(found) for found in ("fork", "knife", "dining table", "surfboard")]] = 1
        expected = dict(zip(model.classes, model.predict_proba(presence)[0, 0], strict=True))
        assert 20 * expected["surfboard"] < expected["fork"]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_about_its_model(name, models):
    card = cards.read_packaged(pretrained.find(name)).card
    assert cards.read_packaged(pretrained.find(name)).is_whole
    assert card["model_digest"] == registry.digest(models[name])
    assert card["family"] == models[name].family
    assert "CC BY 4.0" in card["data"]["licence"]
    for figure in card["figures"]:
        assert figure["low"] is None or figure["low"] <= figure["value"] <= figure["high"]


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_changes_no_figure_in_the_third_digit(name):
    card = cards.read_packaged(pretrained.find(name)).card
    for half, full in zip(card["figures"], card["figures_in_full_precision"], strict=True):
        assert half["metric"] == full["metric"]
        assert half["value"] == pytest.approx(full["value"], abs=5e-4, rel=5e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("detector", [None, "yolox-nano"])
def test_calibrations_are_of_their_model_and_promise_what_held(name, detector, models):
    calibration = read_calibration(pretrained.find_calibration(name, detector), models[name])
    assert calibration.detector == (detector or "")
    assert (calibration.score_curve is None) == (detector is None)
    card = cards.read_packaged(pretrained.find(name)).card
    promise = next(one for one in card["calibrations"] if one["detector"] == calibration.detector)
    assert promise["objects"] == len(calibration.present)
    assert promise["images"] == calibration.images
    for held_out in promise["held_out_rates"]:
        assert held_out["low"] <= held_out["promised"] <= held_out["high"]


@pytest.mark.parametrize("name", NAMES)
def test_behind_a_detector_a_watch_knows_its_recall_and_its_confusions(name, models):
    calibration = read_calibration(pretrained.find_calibration(name, "yolox-nano"), models[name])
    assert calibration.rates is not None
    assert 0.9 < calibration.rates.recall["person"] < 1  # at a score of 0.05
    assert calibration.confusions is not None
    assert calibration.explained is not None
    assert len(calibration.explained) == len(calibration.present)
    # That another class may cause a report adds to the chance that it has an ordinary cause, and takes nothing away.
    odd = np.full(79, -20.0)
    assert (calibration.confusions.explained(odd) > odd).all()


def test_the_calibration_of_another_model_is_refused(models):
    with pytest.raises(UserError, match="calibration of another model than 'coco'"):
        read_calibration(pretrained.find_calibration("coco-small", "yolox-nano"), models["coco"])


def test_an_unknown_model_says_which_there_are():
    with pytest.raises(UserError, match="'lvis' does not come with the package, only coco, coco-small"):
        pretrained.find("lvis")


def test_a_pair_that_was_not_calibrated_has_no_calibration():
    """No weights of these were at hand when the calibrations were made."""
    for detector in ("yolox-tiny", "yolox-s", "no such detector"):
        assert pretrained.find_calibration("coco", detector) is None


@pytest.fixture
def results(tmp_path) -> Path:
    """The results of a run with one model, and its calibrations."""
    (tmp_path / "models").mkdir()
    shutil.copy(pretrained.find("coco-small"), tmp_path / "models/mine.safetensors")
    for kind in ("", ".yolox-nano"):
        path = pretrained.find_calibration("coco-small", kind.removeprefix(".") or None)
        shutil.copy(path, tmp_path / f"models/mine{kind}.calibration.parquet")
    return tmp_path


def test_models_of_a_run_are_listed_and_found(results):
    path = pretrained.model_file("mine", results)
    assert pretrained.find_calibration(path) == results / "models/mine.calibration.parquet"
    assert pretrained.find_calibration(path, "yolox-nano") == results / "models/mine.yolox-nano.calibration.parquet"
    assert pretrained.calibrated(path) == ["annotations", "yolox-nano"]
    text = run("list", "--run", results).output
    names = [line.split()[0] for line in text.splitlines()[1:4]]
    assert names == ["coco", "coco-small", "mine"]
    with pytest.raises(UserError, match="there are no models"):
        pretrained.model_files(results / "models")
    with pytest.raises(UserError, match="no model 'yours', only coco, coco-small, mine"):
        pretrained.model_file("yours", results)


def test_show_prints_the_card_and_notices_another_file(results):
    shown = run("show", "coco")
    assert shown.exit_code == 0
    for said in ("COCO Consortium", "which is right", "behind yolox-nano", "promised 0.01", "smallest is"):
        assert said in shown.output
    assert "no card" in run("show", "mine", "--run", results).output
    card = json.loads(pretrained.find("coco").with_suffix(".json").read_text())
    (results / "models/mine.json").write_text(json.dumps(card))
    shown = run("show", "mine", "--run", results)
    assert shown.exit_code == 1
    assert "DIFFERS" in shown.output
