"""The promised rate of false alarms behind a real detector, on real images that the calibration has not seen."""

import json
from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest

from contextual_anomaly import pretrained
from contextual_anomaly.models.calibration import read_calibration
from contextual_anomaly.models.detection_calibration import (
    DetectedScene,
    calibrate_detections,
    detected_evidence,
)
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.score_curve import PRESENT
from tests.conftest import SHARED

IMAGES = 1500  # of 5,000, so that the test takes seconds; half of them calibrate


@pytest.fixture(scope="module")
def scenes() -> list[DetectedScene]:
    """What Faster R-CNN reports in images of val2017, in random order."""
    detections, coco = SHARED / "detections/faster-rcnn-resnet-50.parquet", SHARED / "coco/annotations"
    if not detections.is_file() or not coco.is_dir():
        pytest.skip("the detections of a real detector (../shared/detections) are not here")
    names = {one["category_id"]: one["name"] for one in json.loads((coco / "categories.json").read_text())}
    found, there = defaultdict(list), defaultdict(set)
    for row in pq.read_table(detections).to_pylist():
        found[row["image_id"]].append(row)
    for row in pq.read_table(coco / "val2017_boxes.parquet").to_pylist():
        there[row["image_id"]].add(names[row["category_id"]])
    images = pq.read_table(coco / "val2017_images.parquet").to_pylist()
    chosen = np.random.default_rng(0).permutation(len(images))[:IMAGES]
    return [
        DetectedScene(
            [names[one["category_id"]] for one in found[image["image_id"]]],
            [one["score"] for one in found[image["image_id"]]],
            [[one[side] for side in "xywh"] for one in found[image["image_id"]]],
            (image["width"], image["height"]),
            frozenset(there[image["image_id"]]),
        )
        for image in (images[i] for i in chosen)
    ]


def test_a_calibration_from_detections_keeps_its_promise_and_that_from_annotations_does_not(scenes):
    model = load_model(pretrained.find("coco-small"))
    half = len(scenes) // 2
    calibration = calibrate_detections(model, None, scenes[:half], 2, "faster-rcnn")
    evidence = detected_evidence(model, None, scenes[half:], calibration.score_curve)
    reported, unseen = evidence.judged(2)
    for rate in (0.01, 0.05, 0.1):
        flagged = calibration.unexpected(evidence.log_odds[reported]) <= rate
        # Both the calibration's objects and those that are judged are a sample.
        spread = np.sqrt(rate * (1 - rate) * (1 / len(calibration.present) + 1 / flagged.size))
        assert abs(flagged.mean() - rate) < 3.3 * spread
    for rate in (0.001, 0.01):
        flagged = calibration.missing(evidence.log_odds[unseen]) <= rate
        assert abs(flagged.mean() - rate) < 0.3 * rate
    from_annotations = read_calibration(pretrained.find_calibration("coco-small"), model)
    certain = [
        scene._replace(**{key: [value[i] for i in kept] for key, value in scene._asdict().items() if key in kinds})
        for scene in scenes[half:]
        for kept in [np.flatnonzero(calibration.score_curve.presence(scene.scores) >= PRESENT).tolist()]
        for kinds in [("names", "scores", "boxes")]
    ]
    evidence = detected_evidence(model, None, certain, None)
    flagged = from_annotations.unexpected(evidence.log_odds[evidence.judged(2)[0]]) <= 0.01
    assert binomtest(int(flagged.sum()), flagged.size).proportion_ci(0.99, "exact").low > 0.01
