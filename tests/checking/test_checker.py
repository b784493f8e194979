"""Checks of single images, against the model's own numbers and by what they promise."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

import contextual_anomaly as ca
from contextual_anomaly.checking.checker import Checker
from contextual_anomaly.checking.detectors import ChosenDetector
from contextual_anomaly.checking.objects import ImageObjects
from contextual_anomaly.checking.results import FalseAlarms
from contextual_anomaly.errors import UserError
from contextual_anomaly.models import registry
from contextual_anomaly.models.calibration import Calibration, write_calibration
from contextual_anomaly.models.evidence import scene_evidence
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.score_curve import ScoreCurve

CLASSES = ("fork", "knife", "cell phone", "surfboard")
SHARE = np.array([[0.8, 0.7, 0.3, 0.01], [0.02, 0.02, 0.2, 0.6]])  # a kitchen and a beach
WEIGHT = np.array([0.6, 0.4])
LOG_ODDS = np.linspace(-6, 2, 999)


@pytest.fixture
def checker() -> Checker:
    model = Oracle("m", CLASSES, WEIGHT, SHARE)
    known = Calibration(LOG_ODDS, np.linspace(0, 2, 50), 999, minimum_classes=2)
    return Checker(model, annotated=known)


@pytest.fixture(scope="module")
def coco() -> Checker:
    return ca.load("coco-small")


def exact(present: list[str]) -> dict[str, float]:
    """P(class | the others) by Bayes' rule over the two scene types."""
    found = {}
    for target, name in enumerate(CLASSES):
        like = WEIGHT.copy()
        for c, other in enumerate(CLASSES):
            if c != target:
                like = like * (SHARE[:, c] if other in present else 1 - SHARE[:, c])
        found[name] = float((like * SHARE[:, target]).sum() / like.sum())
    return found


def test_probabilities_and_p_values_are_the_models(checker):
    result = checker.check(["fork", "knife", "surfboard"])
    probability = exact(["fork", "knife", "surfboard"])
    for found in (*result.objects, *result.absent):
        assert found.probability == pytest.approx(probability[found.category], rel=1e-5)
    surfboard = result.objects[2]
    log_odds = np.log(probability["surfboard"] / (1 - probability["surfboard"]))
    assert surfboard.p_value == pytest.approx((1 + (log_odds >= LOG_ODDS).sum()) / 1000)
    assert [found.category for found in result.absent] == ["cell phone"]


@pytest.mark.parametrize("flagged", [True, False])
def test_what_is_flagged_has_a_p_value_up_to_the_rate_and_reasons_that_add_up(checker, flagged):
    p_value = checker.check(["fork", "knife", "surfboard"]).objects[2].p_value
    rate = p_value if flagged else p_value - 1e-6
    strict = replace(checker, false_alarms=FalseAlarms(rate, 1e-9))
    found = strict.check(["fork", "knife", "surfboard"])
    assert [one.flagged for one in found.objects] == [False, False, flagged]
    assert found.flagged is flagged
    probability = found.objects[2].probability
    parts = [part.log_odds for part in found.objects[2].attributions]
    assert bool(parts) is flagged
    if flagged:
        assert sum(parts) == pytest.approx(np.log(probability / (1 - probability)), abs=1e-4)
        assert found.objects[2].explanation.startswith("fork -")


def test_a_missing_class_is_flagged_by_its_own_rate(checker):
    known = Calibration(LOG_ODDS, np.linspace(-2, -1, 50), 9999, minimum_classes=2)  # fewer are as probable as a phone
    result = replace(checker, annotated=known).check(["fork", "knife"])
    assert [found.category for found in result.missing] == ["cell phone"]
    assert result.missing[0].p_value == pytest.approx(1 / 10_000)
    assert result.missing[0].attributions
    assert (
        replace(checker, annotated=known, false_alarms=FalseAlarms(0.01, 5e-5)).check(["fork", "knife"]).missing == []
    )


@pytest.mark.parametrize("names", [[], ["surfboard"], ["surfboard", "surfboard"], ["surfboard", "person"], ["person"]])
def test_too_few_classes_give_nothing_to_compare(checker, names):
    result = checker.check(names)
    assert result.note is not None
    assert result.note.startswith("nothing to compare")
    assert not result.flagged
    assert result.absent == ()
    assert [found.probability for found in result.objects] == [None] * len(names)


def test_a_person_is_no_mistake_and_an_unknown_class_is_one(checker):
    with_person = checker.check(["fork", "person", "knife"])
    assert with_person.error is None
    assert with_person.ignored == ("person",)
    assert "not judged: person" in str(with_person.note)
    assert [found.probability for found in with_person.objects] == [
        checker.check(["fork", "knife"]).objects[0].probability, None, checker.check(["fork", "knife"]).objects[1].probability,
    ]  # fmt: skip
    unknown = checker.check(["fork", "frok", "knife"])
    assert unknown.error is not None
    assert unknown.error.kind == "unknown_class"
    assert unknown.error.classes == ("frok",)
    assert "did you mean fork" in unknown.error.message
    assert unknown.objects[0].probability == with_person.objects[0].probability


def test_other_spellings_are_understood_and_said(coco):
    result = coco.check(["Sofa", "tvmonitor", "cell_phone", "book"])
    assert [found.category for found in result.objects] == ["couch", "tv", "cell phone", "book"]
    assert result.error is None
    assert "Sofa is taken as couch" in result.notes


def test_numbers_out_of_range_are_an_error_and_the_rest_is_answered(checker):
    for score in (1.5, -0.1, float("nan"), "much", True):
        objects = [{"category": "cell phone", "score": score}, "fork", "knife"]
        result = checker.check(objects)
        assert result.error is not None
        assert result.error.kind == "out_of_range"
        assert [found.category for found in result.objects] == ["fork", "knife"]
        assert result.objects[0].probability is not None
    for box in ([1, 2, 3], [1, 2, -3, 4], [1, 2, 3, float("inf")], "box", 7):
        result = checker.check([{"category": "cell phone", "box": box}, "fork", "knife"])
        assert result.error is not None
        assert result.error.kind == "out_of_range"


def test_scores_are_evidence_by_what_they_mean_behind_the_detector(checker):
    """Objects that are probably not there are no objects, but say something of the others."""
    curve = ScoreCurve(1.0, 2.0)
    behind = Calibration(LOG_ODDS - 1, np.linspace(0, 2, 50), 999, 2, detector="d", score_curve=curve)
    named = replace(checker, behind_detector=behind, detector=ChosenDetector("d", given=True))
    scores = {"fork": 0.9, "knife": 0.7, "surfboard": 0.3}
    result = named.check(scores)
    assert (result.detector, result.calibration) == ("d", "detections")
    presence = np.zeros((1, 4), np.float32)
    presence[0, [0, 1, 3]] = [curve.presence(score) for score in scores.values()]
    assert presence[0, 3] < 0.5
    expected = 1 / (1 + np.exp(-checker.model.log_odds(presence)[0, 0]))
    fork, knife, surfboard = result.objects
    assert fork.probability == pytest.approx(expected[0], rel=1e-4)
    assert knife.probability == pytest.approx(expected[1], rel=1e-4)
    assert (surfboard.probability, surfboard.flagged) == (None, False)
    assert {found.category for found in result.absent} == {"cell phone"}  # of a surfboard something is seen
    anonymous = checker.check(scores)
    assert (anonymous.detector, anonymous.calibration) == (None, "annotations")
    assert "not promised" in str(anonymous.note)


def test_boxes_are_used_where_the_size_of_the_image_is_known():
    checker = ca.load("coco")
    boxes = [(10, 200, 500, 250), (200, 100, 150, 150), (300, 300, 20, 10)]
    names = ["dining table", "laptop", "mouse"]
    without, unknown, known = (
        checker.check(names), checker.check(names, boxes=boxes), checker.check(names, boxes=boxes, size=(640, 480)),
    )  # fmt: skip
    assert known.objects[0].box == (10, 200, 500, 250)
    assert unknown.objects[0].probability != known.objects[0].probability
    assert (known.width, known.height) == (640, 480)
    assert without.objects[0].box is None


def test_without_a_calibration_nothing_is_flagged(checker):
    result = replace(checker, annotated=None).check(["fork", "knife", "surfboard"])
    assert not result.flagged
    assert result.calibration is None
    assert "no calibration" in str(result.note)
    assert result.objects[2].probability is not None


def test_what_is_nothing_is_refused(checker):
    for value in (7, None, {"fork": "many"}, object()):
        with pytest.raises(UserError, match="were expected"):
            checker.check(value)
    with pytest.raises(UserError, match="rate between 0 and 1"):
        ca.load("coco-small", false_alarms=1.5)
    with pytest.raises(UserError, match="coco-small"):
        ca.load("nonsense")
    with pytest.raises(UserError, match="unknown, expected one of"):
        ca.load("coco-small", detector="nonsense")
    with pytest.raises(UserError, match="needs a detector"):
        checker.check(np.zeros((8, 8, 3), np.uint8))


def test_the_rate_of_false_alarms_holds(checker):
    """Scenes of the world itself: no more of the objects are flagged than was asked for."""
    rng = np.random.default_rng(0)
    kind = (rng.random(20_000) > WEIGHT[0]).astype(int)
    scenes = rng.random((20_000, 4)) < SHARE[kind]
    scenes = scenes[scenes.sum(1) >= 2]
    half = len(scenes) // 2
    log_odds = checker.model.log_odds(scenes[:half].astype(np.float32))[0]
    known = Calibration(np.sort(log_odds[scenes[:half]]), np.zeros(1), 1, 2)
    strict = replace(checker, annotated=known, false_alarms=FalseAlarms(0.05, 1e-9))
    flagged = objects = 0
    for scene in scenes[half : half + 3000]:
        result = strict.judge(ImageObjects.of([name for name, there in zip(CLASSES, scene, strict=True) if there]), "s")
        flagged += sum(found.flagged for found in result.objects)
        objects += len(result.objects)
    # Log-odds are few different numbers here, so that the rate may be lower, and never higher.
    assert flagged / objects <= 0.05 + 3 * np.sqrt(0.05 / objects)


def test_reasons_are_those_of_the_model_and_given_for_flags_alone(coco):
    names = ["laptop", "keyboard", "mouse", "book", "cell phone", "tv", "cup", "surfboard"]
    result = coco.check(names)
    assert [found.category for found in result.unexpected] == ["surfboard"]
    assert all(not found.attributions for found in result.objects if not found.flagged)
    evidence = scene_evidence(coco.model, names)
    target = np.array([coco.model.classes.index("surfboard")])
    explanation = explain(coco.model, coco.variant, evidence.presence, target, evidence.geometry)
    expected = explanation.parts(0, coco.model.classes)
    assert [(part.category, pytest.approx(part.log_odds)) for part in result.unexpected[0].attributions] == expected
    total = sum(part.log_odds for part in result.unexpected[0].attributions)
    assert 1 / (1 + np.exp(-total)) == pytest.approx(result.unexpected[0].probability, rel=1e-3)


def test_many_are_checked_one_after_another(coco):
    scenes = [["cup", "fork"], {"cup": 0.9, "fork": 0.8}, [["cup", 0.9], ["fork", 0.8]]]
    found = list(coco.check_many(scenes))
    assert [[one.category for one in result.objects] for result in found] == [["cup", "fork"]] * 3
    assert found[1].objects == found[2].objects
    results = [
        {"image_id": i, "category_id": c, "bbox": [1, 2, 3, 4], "score": 0.9} for i in (7, 8, 7) for c in (47, 48)
    ]
    found = list(coco.check_many(results))
    assert [(result.image_id, len(result.objects)) for result in found] == [(7, 4), (8, 2)]


@pytest.fixture
def detector(shared_coco) -> Path:
    return shared_coco / "weights/yolox_nano.onnx"


def test_an_image_is_checked_from_a_path_from_pixels_and_from_pillow(shared_coco, detector):
    checker = ca.load("coco-small", detector=detector)
    path = shared_coco / "images/photos/dog.jpg"
    result = checker.check(path)
    assert {"dog", "bicycle"} <= {found.category for found in result.objects}
    assert (result.file_name, result.width, result.height) == ("dog.jpg", 768, 576)
    assert (result.detector, result.calibration) == ("yolox-nano", "detections")  # recognised by its checksum
    assert all(found.box and 0 <= found.box[0] <= 768 for found in result.objects)
    assert json.loads(result.to_json())["objects"][0]["category"] == result.objects[0].category
    with Image.open(path) as picture:
        of_pillow = checker.check(picture)
        pixels = np.asarray(picture.convert("RGB"))[..., ::-1]
    assert of_pillow.objects == checker.check(pixels).objects
    assert [one.category for one in of_pillow.objects] == [one.category for one in result.objects]
    with pytest.raises(UserError, match="cannot be opened"):
        checker.check("nothing.jpg")


def test_a_model_of_a_run_and_of_a_file_is_loaded_with_its_calibrations(tmp_path, checker):
    models = tmp_path / "run/models"
    models.mkdir(parents=True)
    ca.save_model(checker.model, models / "m.safetensors")
    made_for = replace(checker.annotated, model_digest=registry.digest(checker.model))
    write_calibration(made_for, models / "m.calibration.parquet")
    write_calibration(replace(made_for, detector="yolox-s"), models / "m.yolox-s.calibration.parquet")
    for found in (
        ca.load(run=tmp_path / "run", detector="yolox-s"),
        ca.load("m", run=tmp_path / "run", detector="yolox-s"),
        ca.load(models / "m.safetensors", detector="yolox-s"),
    ):
        assert found.model.name == "m"
        assert found.annotated is not None
        assert found.behind_detector is not None
        assert found.behind_detector.detector == "yolox-s"
    assert ca.load(models / "m.safetensors").behind_detector is None  # the usual detector is another
    with pytest.raises(UserError, match="of another model"):
        ca.load("coco-small", calibration=models / "m.calibration.parquet")
    with pytest.raises(UserError, match="no model 'n', only m"):
        ca.load("n", run=tmp_path / "run")
    with pytest.raises(UserError, match="not the folder of a run"):
        ca.load(run=tmp_path)


def test_reasons_take_little_longer_than_the_answer():
    """In processor time beside that of the bare log-odds, so that the machine does not matter; it was 150 times it."""
    model = ca.load("coco").model
    names = ["laptop", "keyboard", "mouse", "book", "cell phone", "tv", "cup", "surfboard"]
    evidence = scene_evidence(model, names)
    target = np.array([model.classes.index("surfboard")])

    def least(call) -> float:
        seconds = []
        for _ in range(20):
            start = time.thread_time()
            call()
            seconds.append(time.thread_time() - start)
        return min(seconds)

    with threadpool_limits(1):
        answer = least(lambda: model.log_odds(evidence.presence, evidence.geometry))
        reasons = least(lambda: explain(model, 0, evidence.presence, target, evidence.geometry))
    assert reasons < 8 * answer
