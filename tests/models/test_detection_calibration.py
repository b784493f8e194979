"""A calibration from detections promises what holds behind a detector that makes mistakes; one from annotations does not.

Scenes are sampled from a mixture whose exact conditionals are the model, so that nothing but the detector is at fault.
"""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from contextual_anomaly import tables
from contextual_anomaly.experiments.false_alarms import false_alarms
from contextual_anomaly.models import detection_calibration as behind
from contextual_anomaly.models.calibration import calibrate, read_calibration, write_calibration
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.score_curve import AS_IT_IS, MIN_SCORE, PRESENT, ScoreCurve, fit_score_curve
from contextual_anomaly.scenes import Scenes
from contextual_anomaly.stats.log_odds import expit, logit

CLASSES = tuple("abcdefgh")
WEIGHT = np.array([0.5, 0.3, 0.2])
SHARE = np.clip(np.random.default_rng(3).beta(0.4, 0.9, (3, 8)), 0.01, 0.97)


def sampled(images: int, seed: int) -> np.ndarray:
    """Return presence [images, 8] of scenes of the mixture."""
    rng = np.random.default_rng(seed)
    return rng.random((images, 8)) < SHARE[rng.choice(3, images, p=WEIGHT)]


def detected(images: int, seed: int) -> list[behind.DetectedScene]:
    """Return what a detector reports that misses a fifth and makes up classes, most often with small scores."""
    rng = np.random.default_rng(seed)
    there = sampled(images, seed + 1)
    reported = np.where(there, rng.random(there.shape) < 0.8, rng.random(there.shape) < 0.15)
    score = np.where(there, rng.beta(4, 2, there.shape), rng.beta(2, 4, there.shape))
    return [
        behind.DetectedScene(
            [CLASSES[c] for c in np.flatnonzero(reported[n])],
            score[n, reported[n]].tolist(),
            [[0, 0, 5, 5]] * int(reported[n].sum()),
            (64, 48),
            frozenset(CLASSES[c] for c in np.flatnonzero(there[n])),
        )
        for n in range(images)
    ]


@pytest.fixture(scope="module")
def model() -> Oracle:
    return Oracle("exact", CLASSES, WEIGHT, SHARE)


@pytest.fixture(scope="module")
def from_annotations(model):
    counts = sampled(5000, 100).astype(np.uint16)
    return calibrate(model, None, TrainingData(Scenes(np.arange(5000), counts, CLASSES, tuple(range(8)), "t")), 2)


def test_the_promised_rate_holds_behind_the_detector_and_that_from_annotations_does_not(model, from_annotations):
    calibration = behind.calibrate_detections(model, None, detected(4000, 0), 2, "d")
    scenes = detected(4000, 50)
    evidence = behind.detected_evidence(model, None, scenes, calibration.score_curve)
    reported, unseen = evidence.judged(2)
    for rate in (0.01, 0.05, 0.1):
        flagged = calibration.unexpected(evidence.log_odds[reported]) <= rate
        assert binomtest(int(flagged.sum()), flagged.size, rate).pvalue > 1e-3
    flagged = calibration.missing(evidence.log_odds[unseen]) <= 0.01
    assert binomtest(int(flagged.sum()), flagged.size, 0.01).pvalue > 1e-3
    table = false_alarms(model, None, scenes, 2, from_annotations, 5, 0).set_index(
        ["kind", "calibration", "among", "promised"]
    )
    row = table.loc[("unexpected", "detections", "all", 0.05)]
    assert row["low"] < 0.05 < row["high"]
    assert row["cases"] == pytest.approx(reported.sum(), rel=0.02)
    assert table.loc[("unexpected", "annotations", "all", 0.05)]["low"] > 0.05


def test_nothing_is_promised_below_one_in_n_plus_one(model):
    calibration = behind.calibrate_detections(model, None, detected(30, 0), 2, "d")
    n = len(calibration.present)
    assert calibration.smallest == pytest.approx(1 / (n + 1))
    assert calibration.unexpected(np.array([-1e9]))[0] == pytest.approx(1 / (n + 1))


def test_a_calibration_says_what_it_was_made_of(model, tmp_path):
    made = behind.calibrate_detections(model, None, detected(300, 0), 2, "d")
    write_calibration(made, tmp_path / "c.parquet")
    read = read_calibration(tmp_path / "c.parquet", model)
    assert (read.detector, read.images, read.score_curve) == ("d", made.images, made.score_curve)
    assert 0 < read.images <= 300
    assert read.explained == pytest.approx(made.explained, rel=1e-5)
    assert len(read.explained) == len(read.present)
    assert read.confusions.rate == pytest.approx(made.confusions.rate, abs=1e-6)
    assert read.confusions.stray == pytest.approx(made.confusions.stray, abs=1e-6)
    assert read.absent == pytest.approx(made.absent, rel=1e-5)


def test_ordinary_reports_are_as_odd_as_the_calibration_says(model):
    calibration = behind.calibrate_detections(model, None, detected(4000, 0), 2, "d")
    evidence = behind.detected_evidence(model, None, detected(4000, 50), calibration.score_curve)
    explained = calibration.confusions.explained(evidence.log_odds)[evidence.judged(2)[0]]
    for rate in (0.01, 0.05, 0.1):
        flagged = explained <= np.quantile(calibration.explained, rate)
        assert binomtest(int(flagged.sum()), flagged.size, rate).pvalue > 1e-3


def test_the_score_curve_is_found_again():
    rng = np.random.default_rng(0)
    score = rng.uniform(0.01, 0.99, 40_000)
    there = rng.random(len(score)) < expit(1.5 + 0.7 * logit(score))
    curve = fit_score_curve(score, there)
    assert (curve.intercept, curve.slope) == pytest.approx((1.5, 0.7), abs=0.05)
    assert curve.presence([MIN_SCORE / 2, 0.5]).tolist() == pytest.approx([0, float(expit(curve.intercept))])


@pytest.mark.parametrize("there", [np.ones(100, bool), np.arange(100) < 50], ids=["too few", "backwards"])
def test_scores_that_say_nothing_are_taken_as_probabilities(there):
    assert fit_score_curve(np.linspace(0.1, 0.9, 100), there) == AS_IT_IS
    assert AS_IT_IS.presence(0.3) == pytest.approx(0.3)


def test_tables_become_scenes(tmp_path):
    """Image 5 has two objects of class 2, of which the larger score counts, and one of class 3; image 6 has none."""
    paths = {name: tmp_path / f"{name}.parquet" for name in ("detections", "images", "categories", "annotations")}
    box = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}
    found = [{"image_id": 5, "category_id": c, "score": s, **box} for c, s in ((2, 0.75), (2, 0.25), (3, 0.5))]
    there = {"area": 1.0, "iscrowd": False, "original_id": None, **box}
    annotated = [{"image_id": i, "category_id": 3, "annotation_id": i, **there} for i in (5, 6)]
    images = [{"image_id": i, "file_name": "x", "width": 64, "height": 48, "coco_url": "", "flickr_url": "",
               "original_id": None} for i in (5, 6)]  # fmt: skip
    classes = [{"category_id": c, "name": n, "supercategory": "", "original_id": None} for c, n in ((2, "a"), (3, "b"))]
    for rows, schema, name in (
        (found, tables.DETECTIONS, "detections"),
        (images, tables.IMAGES, "images"),
        (classes, tables.CATEGORIES, "categories"),
        (annotated, tables.ANNOTATIONS, "annotations"),
    ):
        tables.write_table(pa.Table.from_pylist(rows, schema), schema, paths[name])
    first, second = behind.read_detected_scenes(image_ids=np.array([5, 6]), **paths)
    assert (first.names, first.scores, first.size) == (["a", "a", "b"], [0.75, 0.25, 0.5], (64, 48))
    assert first.boxes[0] == [1, 2, 3, 4]
    assert (second.names, second.annotated) == ([], {"b"})
    model = Oracle("exact", ("a", "b"), np.array([1.0]), np.array([[0.5, 0.5]]))
    evidence = behind.detected_evidence(model, None, [first, second], ScoreCurve(0.0, 1.0))
    np.testing.assert_allclose(evidence.presence, [[0.75, 0.5], [0, 0]], atol=1e-6)
    assert PRESENT == 0.5
    reported, unseen = evidence.judged(1)
    assert reported.tolist() == [[True, True], [False, False]]
    assert not unseen.any()  # image 6 has too few reported classes to be judged
