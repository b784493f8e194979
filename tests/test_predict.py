"""Predictions for single scenes, against the model's for many; and the messages for a person's mistakes."""

import io
import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import yaml

import contextual_anomaly as ca
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.calibration import Calibration, write_calibration
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.registry import save
from contextual_anomaly.predict import ClassPrediction, Prediction, Predictor, as_table, read_objects
from contextual_anomaly.runtime.lines import lines_of

CLASSES = ("fork", "knife", "cell phone", "surfboard")


@pytest.fixture
def files(tmp_path):
    """A kitchen and a beach."""
    share = np.array([[0.8, 0.7, 0.3, 0.01], [0.02, 0.02, 0.2, 0.6]])
    save(Oracle("m", CLASSES, np.array([0.6, 0.4]), share), tmp_path / "m.safetensors")
    write_calibration(Calibration(np.linspace(-6, 2, 99), np.linspace(0, 2, 50), 999), tmp_path / "c.parquet")
    return tmp_path / "m.safetensors", tmp_path / "c.parquet"


def test_the_odd_one_comes_first_and_the_missing_one_is_named(files):
    predictor = Predictor.from_files(*files)
    prediction = predictor.predict({"fork": 1, "surfboard": 1, "knife": 1})
    assert prediction.objects[0].category == "surfboard"
    assert prediction.missing[0].category == "cell phone"
    presence = np.array([[1, 1, 0, 1]], np.float32)
    exact = predictor.model.predict_proba(presence)[0, 0]
    found_probability = {found.category: found.probability for found in prediction.objects + prediction.missing}
    assert found_probability == pytest.approx(dict(zip(CLASSES, exact.tolist(), strict=True)), rel=1e-5)
    odds = np.log(exact[3] / (1 - exact[3]))
    assert prediction.objects[0].p_value == pytest.approx((1 + (np.linspace(-6, 2, 99) <= odds).sum()) / 100)
    assert sum(found.changed for found in prediction.objects) < 1


def test_doubtful_objects_say_less(files):
    predictor = Predictor.from_files(files[0])
    sure, doubtful = (predictor.predict({"fork": p, "knife": p, "surfboard": 1}).objects[0] for p in (1.0, 0.9))
    assert sure.category == doubtful.category == "surfboard"
    assert sure.probability < doubtful.probability


@pytest.mark.parametrize(
    ("said", "objects"),
    [
        (["fork", "cell phone=0.25"], {"fork": 1.0, "cell phone": 0.25}),
        ("fork, cell phone", {"fork": 1.0, "cell phone": 1.0}),
        ('{"fork": 0.5}', {"fork": 0.5}),
    ],
)
def test_scenes_are_read_as_people_and_programs_write_them(said, objects):
    assert read_objects(said) == objects


def test_a_mistake_is_named(files):
    predictor = Predictor.from_files(files[0])
    with pytest.raises(UserError, match="'frok' is no class of model 'm': did you mean fork"):
        predictor.predict({"frok": 1})
    with pytest.raises(UserError, match=r"'fork': a probability from 0 to 1 was expected, found 1\.5"):
        predictor.predict({"fork": 1.5})
    with pytest.raises(UserError, match="a JSON object of class and probability was expected"):
        read_objects('{"fork": ')


def test_scenes_of_a_stream_are_predictioned_one_by_one(files):
    command = ["contextual-anomaly", "predict", "--model", str(files[0]), "--calibration", str(files[1])]
    done = subprocess.run(
        command, input='fork, knife, surfboard\n\n{"knife": 0.7}\n', text=True, capture_output=True, check=True
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["objects"][0]["category"] == "surfboard"
    assert [prediction["category"] for prediction in second["objects"]] == ["knife"]


@pytest.fixture
def finished_run(files, tmp_path):
    """A folder as a run leaves it, with two models."""
    run = tmp_path / "run"
    (run / "models").mkdir(parents=True)
    for name in ("first", "second"):
        shutil.copy(files[0], run / f"models/{name}.safetensors")
        shutil.copy(files[1], run / f"models/{name}.calibration.parquet")
    settings = {"anomalies": {"models": ["second", "first"]}, "models": {"second": {"family": "mixture"}}}
    (run / "configuration.yaml").write_text(yaml.safe_dump(settings))
    return run


@pytest.mark.parametrize("model", [None, "first"])
def test_a_run_gives_model_and_calibration(files, finished_run, model):
    objects = {"fork": 1.0, "surfboard": 1.0}
    found = Predictor.from_run(finished_run, model)
    assert found.predict(objects) == Predictor.from_files(*files).predict(objects)
    assert found.predict(objects).objects[0].p_value is not None


def test_what_a_run_does_not_have_is_named(finished_run, tmp_path):
    with pytest.raises(UserError, match=r"there is no model 'third', only first, second\."):
        Predictor.from_run(finished_run, "third")
    with pytest.raises(UserError, match="there are no models"):
        Predictor.from_run(tmp_path)


def test_an_unfinished_run_has_models_by_name(finished_run):
    (finished_run / "configuration.yaml").unlink()
    assert Predictor.from_run(finished_run, "first").model.family == "oracle"
    with pytest.raises(UserError, match=r"there is no model 'ensemble', only first, second\."):
        Predictor.from_run(finished_run)


def test_a_run_predicts_in_a_table_and_in_json(finished_run):
    command = ["contextual-anomaly", "predict", "fork", "knife", "surfboard", "--run", str(finished_run)]
    table, line = (
        subprocess.run([*command, *options], text=True, capture_output=True, check=True).stdout
        for options in ([], ["--json"])
    )
    assert table.splitlines()[0].split() == ["in", "the", "scene", "probability", "p-value", "P(added)", "explanation"]
    first = json.loads(line)["objects"][0]
    assert first["category"] == "surfboard"
    assert table.splitlines()[1].split()[:3] == ["surfboard", f"{first['probability']:.4f}", f"{first['p_value']:.4f}"]


def test_many_scenes_are_predicted_one_by_one(files):
    predictor = Predictor.from_files(*files)
    scenes = [{"fork": 1.0}, {"surfboard": 0.5, "fork": 1.0}]
    assert list(predictor.predict_many(scenes)) == [predictor.predict(objects) for objects in scenes]
    stream = predictor.predict_many(iter([scenes[0], {"frok": 1.0}]))
    assert next(stream) == predictor.predict(scenes[0])  # before the wrong one is looked at


def test_a_small_share_is_not_shown_as_zero():
    found = ClassPrediction("kite", 0.00003, 0.0123, 0.5, "")
    assert as_table(Prediction([found], [])).splitlines()[1].split() == ["kite", "3.0e-05", "0.0123", "0.500"]


def test_without_explanations_all_else_is_the_same(files):
    predictor = Predictor.from_files(*files)
    full, short = (predictor.predict({"fork": 1, "knife": 1}, explain=explain) for explain in (True, False))
    assert all(found.explanation for found in full.objects)
    bare = [replace(found, explanation="") for found in full.objects + full.missing]
    assert short.objects + short.missing == bare


def test_a_scene_smaller_than_those_of_the_calibration_has_no_p_values(files, tmp_path):
    known = Calibration(np.linspace(-6, 2, 99), np.linspace(0, 2, 50), 999, minimum_classes=3)
    write_calibration(known, tmp_path / "three.parquet")
    predictor = Predictor.from_files(files[0], tmp_path / "three.parquet")
    prediction = predictor.predict({"fork": 1.0, "knife": 0.5})
    assert [found.p_value for found in prediction.objects + prediction.missing] == [None] * 4
    assert predictor.predict({"fork": 1.0, "knife": 0.5, "surfboard": 1}).objects[0].p_value is not None


@pytest.mark.parametrize(
    ("scene", "note"),
    [
        ({}, "nothing to compare: no objects"),
        ({"surfboard": 1.0}, "nothing to compare: objects of one class"),
        ({"surfboard": 1.0, "person": 1.0}, "nothing to compare: objects of one class; not judged: person"),
    ],
)
def test_of_one_class_there_is_nothing_to_compare(files, scene, note):
    prediction = Predictor.from_files(*files).predict(scene)
    assert prediction.note == note
    assert prediction.missing == []
    assert [found.probability for found in prediction.objects] == [None] * len(scene.keys() - {"person"})
    assert as_table(prediction) == note
    assert json.loads(prediction.as_json())["note"] == note


def test_a_person_is_no_mistake_and_other_spellings_are_understood(files):
    predictor = Predictor.from_files(*files)
    bare, more = (
        predictor.predict({"fork": 1, "cell phone": 1}),
        predictor.predict({"Fork": 1, "person": 1, "cell_phone": 1}),
    )
    assert more.objects == bare.objects
    assert more.note == "Fork is taken as fork; not judged: person; cell_phone is taken as cell phone"
    assert as_table(more).endswith(f"\n\n{more.note}")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"fork":', "bad_line"),
        (b"{" * 100_000, "bad_line"),
        (b'{"fork": [1]}', "bad_line"),
        (b'{"fork": ' + b"9" * 400 + b"}", "bad_line"),
        (b"fork=x", "bad_line"),
        (b"\xff\xfe", "bad_line"),
        (b"x" * 2_000_000, "bad_line"),
        (b'{"fork": 1.5}', "out_of_range"),
        (b'{"fork": NaN}', "out_of_range"),
        (b'{"fork": -1e999}', "out_of_range"),
        (b"frok", "unknown_class"),
        (b"[7]", "unknown_class"),
    ],
)
def test_a_stream_answers_a_wrong_line_and_goes_on(files, line, kind):
    predictor = Predictor.from_files(*files)
    stream = lines_of(io.BytesIO(b"\n" + line + b"\nperson, knife, frok, fork\n"))
    wrong, right = predictor.predict_lines(stream)
    assert wrong.error is not None
    assert (wrong.line, wrong.error.kind, wrong.objects) == (2, kind, [])
    assert json.loads(wrong.as_json())["error"]["kind"] == kind
    assert right.error is not None
    assert (right.line, right.error.classes) == (3, ("frok",))
    assert right.objects == predictor.predict({"knife": 1, "fork": 1}).objects
    assert right.note == "not judged: person"


def test_a_model_that_comes_with_the_package_predicts_where_there_is_no_run(tmp_path, finished_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = Predictor.choose("coco-small")
    assert shipped.model.name == "coco-small"
    assert shipped.calibration is not None
    with pytest.raises(UserError, match="does not come with the package"):
        Predictor.choose("first")
    assert Predictor.choose("first", finished_run).model.name == "m"
    finished_run.rename(tmp_path / "results")
    assert Predictor.choose().model.name == "m"
    assert Predictor.choose("coco-small").model.name == "coco-small"  # which the run does not have
    with pytest.raises(UserError, match="there is no model 'other', only"):
        Predictor.choose("other")


def test_the_chosen_bottleneck_of_a_sweep_predicts(tmp_path):
    weights = {"encoder": np.zeros((2, 4, 2)), "encoder_bias": np.zeros((2, 2)), "decoder": np.zeros((2, 2, 4))}
    weights["decoder_bias"] = np.array([[-1.0] * 4, [1.0] * 4])
    weights = {name: tensor.astype(np.float32) for name, tensor in weights.items()}
    sweep = Autoencoder("sweep", CLASSES, (Variant(1, 0), Variant(2, 0)), weights, leave_one_out=True)
    save(sweep, tmp_path / "m.safetensors", {"family_settings": '{"chosen_bottleneck": 2}'})
    assert Predictor.from_files(tmp_path / "m.safetensors").variant == 1
    assert Predictor.from_files(tmp_path / "m.safetensors", bottleneck=1).variant == 0


@pytest.mark.parametrize(
    "line", ['{"x0": ' + "9" * 400 + "}", '{"x0": ' + "[" * 5000 + "}", '{"x0": ' + "9" * 5000 + "}", "x0=1e999"]
)
def test_numbers_without_end_are_refused(line):
    detector = ca.ContextAnomalyDetector("naive_bayes").fit([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]] * 9)
    with pytest.raises(UserError):
        ca.Predictor(detector.model_).predict(read_objects(line))
