"""Experiment 2 from Python, table by table, on a simulated detector with many equal scores."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from contextual_anomaly import tables
from contextual_anomaly.detection.evaluation import evaluate
from contextual_anomaly.errors import UserError
from contextual_anomaly.experiments.rescoring import box_rescoring, box_trees, comparison, fusion
from contextual_anomaly.experiments.rescoring.detected_presence import DetectedPresence
from contextual_anomaly.experiments.schemas import BOX_STEPS, FUSED_PRESENCE, RESCORED_BOXES
from contextual_anomaly.models.families.oracle import Oracle

PROBABILITY = np.array([[0.9, 0.8, 0.85, 0.02, 0.02, 0.1], [0.02, 0.03, 0.02, 0.9, 0.8, 0.3]])
SHARE = np.array([0.4, 0.6])
IMAGE_IDS = np.arange(100, 220)
CATEGORY_IDS = np.array([2, 3, 5, 8, 13, 21], np.int32)
UNSEEN = IMAGE_IDS[::3]
CATEGORIES = pd.DataFrame({"category_id": CATEGORY_IDS, "name": list("abcdef"), "supercategory": ""})
IMAGES = pd.DataFrame({"image_id": IMAGE_IDS, "width": 200, "height": 100})


@pytest.fixture(scope="module")
def detector():
    """Presence, boxes and annotations: one possible object of each class, whose box the detector hits or misses."""
    rng = np.random.default_rng(0)
    annotated = rng.random((120, 6)) < PROBABILITY[rng.choice(2, 120, p=SHARE)]
    score = expit(rng.normal(np.where(annotated, 1, -1), np.sqrt(2))).round(1).astype(np.float32)
    image, column = np.nonzero(np.ones_like(annotated))
    objects = pd.DataFrame({"image_id": IMAGE_IDS[image], "category_id": CATEGORY_IDS[column]})
    objects = objects.assign(x=20.0 * column, y=10.0, width=30.0, height=40.0, area=1200.0, iscrowd=False)
    boxes = objects[["image_id", "category_id"]].assign(score=score[image, column])
    moved = objects[["x", "y", "width", "height"]] + rng.normal(0, 2, (len(objects), 4))
    boxes = pd.concat([boxes, moved], axis=1).astype({"score": "float32"})
    presence = DetectedPresence(IMAGE_IDS, CATEGORY_IDS, score, annotated, {})
    return presence, boxes[tables.DETECTIONS.names], objects[annotated[image, column]].reset_index(drop=True)


def compare(presence, boxes, objects):
    """All three steps, with few trees; the boxes come back in an order of their own."""
    model = Oracle("oracle", tuple("abcdef"), SHARE, PROBABILITY)
    fused = fusion.run(model, presence, SHARE @ PROBABILITY, boxes, objects, CATEGORIES, n_folds=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(box_trees, "ITERATIONS", 10)
        steps = box_rescoring.run(boxes, IMAGE_IDS, objects, CATEGORIES, IMAGES, n_folds=3)
    results = comparison.run(
        fused.presence, fused.boxes, steps, IMAGE_IDS, objects, CATEGORIES, [0.5, 0.2], n_resamples=20, unseen=UNSEEN
    )
    return fused, steps, results


@pytest.fixture(scope="module")
def compared(detector):
    return compare(*detector)


def test_tables_have_their_columns(compared):
    fused, steps, results = compared
    assert fused.presence.columns.tolist() == FUSED_PRESENCE.names
    assert fused.boxes.columns.tolist() == RESCORED_BOXES.names
    assert steps.columns.tolist() == BOX_STEPS.names
    assert results.precision_recall.columns.tolist() == ["method", "recall", "precision"]
    assert results.risk_coverage.columns.tolist() == ["method", "coverage", "risk"]
    assert set(results.metrics["method"]) == {"detector", "calibrated", "fusion", *box_rescoring.STEPS}


def test_context_gains_where_bayes_rule_says_so(compared):
    rows = compared[2].metrics.query("method == 'fusion' and images_with == 0").set_index("measure")
    assert (rows.loc[["micro_ap", "ap", "ap50"], "gain_low"] > 0).all()


def test_the_detector_alone_has_the_average_precision_of_pycocotools(detector, compared):
    _, boxes, objects = detector
    wanted = evaluate(objects, CATEGORIES, boxes, IMAGE_IDS).set_index("metric")["value"]
    rows = compared[2].metrics.query("method == 'detector'").set_index("measure")
    assert rows.loc["ap", "value"] == pytest.approx(wanted["AP"].iloc[0], abs=1e-6)


def test_the_order_of_boxes_changes_no_figure_and_no_interval(detector, compared):
    presence, boxes, objects = detector
    _, steps, results = compare(presence, boxes.sample(frac=1, random_state=3), objects)
    pd.testing.assert_frame_equal(steps, compared[1], rtol=0, atol=0)
    pd.testing.assert_frame_equal(results.metrics, compared[2].metrics, rtol=0, atol=0)


def test_probabilities_of_other_images_are_an_error(detector, compared):
    fused, steps, _ = compared
    with pytest.raises(UserError, match="not of the images that the detector has run on"):
        comparison.run(fused.presence, fused.boxes, steps, IMAGE_IDS[1:], detector[2], CATEGORIES, [0.5])


def test_unseen_and_seen_images_are_measured_apart(detector, compared):
    _, boxes, objects = detector
    by_part = compared[2].metrics_by_part
    assert by_part["part"].unique().tolist() == ["unseen", "seen"]
    rows = by_part.query("method == 'detector' and measure == 'ap'").set_index("part")
    assert rows["images"].to_dict() == {"unseen": 40, "seen": 80}
    own = boxes[boxes["image_id"].isin(UNSEEN)]
    wanted = evaluate(objects[objects["image_id"].isin(UNSEEN)], CATEGORIES, own, UNSEEN).set_index("metric")["value"]
    assert rows.loc["unseen", "value"] == pytest.approx(wanted["AP"].iloc[0], abs=1e-6)
