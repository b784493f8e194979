"""COCO's AP with weights, against pycocotools on data sets in which images are drawn several times."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.detection.evaluation import evaluate
from contextual_anomaly.experiments.rescoring.box_matches import BoxMatcher
from contextual_anomaly.stats.bootstrap import Bootstrap

CATEGORIES = pd.DataFrame({"category_id": [3, 18, 44], "name": ["car", "dog", "bottle"], "supercategory": ""})


@pytest.fixture
def tables():
    """Annotations and detections of 20 images: hits, misses, doubles, and crowds."""
    rng = np.random.default_rng(2)
    size = 70
    annotations = pd.DataFrame(
        {
            "image_id": np.sort(rng.integers(1, 21, size)),
            "category_id": rng.choice([3, 18, 44], size, p=[0.6, 0.3, 0.1]),
            "x": rng.uniform(0, 300, size),
            "y": rng.uniform(0, 200, size),
            "width": rng.uniform(20, 120, size),
            "height": rng.uniform(20, 120, size),
            "iscrowd": rng.random(size) < 0.08,
        }
    )
    annotations["area"] = annotations["width"] * annotations["height"]
    found = pd.concat([annotations, annotations.sample(40, random_state=1)], ignore_index=True)
    found[["x", "y", "width", "height"]] += rng.normal(0, 6, (len(found), 4))
    found["category_id"] = np.where(rng.random(len(found)) < 0.2, 3, found["category_id"])
    found["score"] = rng.random(len(found))
    return annotations, found.drop(columns=["area", "iscrowd"]).sort_values(
        "image_id", kind="stable", ignore_index=True
    )


def _drawn(table, images):
    """The rows of every image as often as it is drawn, each time under an id of its own."""
    parts = [table[table["image_id"] == image].assign(image_id=place + 1) for place, image in enumerate(images)]
    return pd.concat(parts, ignore_index=True)


def test_every_resample_is_what_pycocotools_says_of_it(tables):
    annotations, detections = tables
    ids = np.arange(1, 21)
    weights = np.vstack([np.ones(20, np.float32), Bootstrap(20, 6, 0).weights])
    ap, ap50 = BoxMatcher(annotations, CATEGORIES, ids).match(detections).average_precision(weights)
    for weight, value, value50 in zip(weights, ap, ap50, strict=True):
        images = np.repeat(ids, weight.astype(int))
        wanted = evaluate(
            _drawn(annotations, images), CATEGORIES, _drawn(detections, images), np.arange(1, len(images) + 1)
        ).set_index("metric")["value"]
        assert value == pytest.approx(wanted["AP"].iloc[0], abs=1e-6)
        assert value50 == pytest.approx(wanted["AP50"].iloc[0], abs=1e-6)


def test_a_crowd_is_neither_right_nor_wrong(tables):
    crowd = pd.DataFrame({"image_id": [1], "category_id": [3], "x": [0], "y": [0], "width": [100], "height": [100]})
    annotations = crowd.assign(area=1e4, iscrowd=True)
    detections = crowd.assign(width=60, score=0.9)
    matches = BoxMatcher(annotations, CATEGORIES, np.array([1])).match(detections)
    assert not matches.correct.any()
    assert matches.ignored.all()


def test_nothing_found_is_no_precision(tables):
    annotations, detections = tables
    ap, _ = (
        BoxMatcher(annotations, CATEGORIES, np.arange(1, 21)).match(detections[:0]).average_precision(np.ones((1, 20)))
    )
    assert ap.tolist() == [0]


def test_the_order_of_boxes_with_equal_scores_changes_nothing(tables):
    annotations, detections = tables
    detections = detections.assign(score=detections["score"].round(1))
    weights, ids = Bootstrap(20, 6, 0).weights, np.arange(1, 21)
    ap, ap50 = BoxMatcher(annotations, CATEGORIES, ids).match(detections).average_precision(weights)
    for seed in range(3):
        shuffled = detections.sample(frac=1, random_state=seed)
        again = BoxMatcher(annotations, CATEGORIES, ids).match(shuffled).average_precision(weights)
        np.testing.assert_array_equal(again, [ap, ap50])


def test_new_scores_are_as_good_as_matched_anew(tables):
    """In the same order within an image and class, as fusion leaves them, and in another order."""
    annotations, detections = tables
    weights, ids = Bootstrap(20, 6, 0).weights, np.arange(1, 21)
    lift = np.random.default_rng(1).normal(size=(21, 45))[detections["image_id"], detections["category_id"]]
    matcher = BoxMatcher(annotations, CATEGORIES, ids)
    matcher.match(detections)
    for score in (detections["score"] + 3 * lift, -detections["score"]):
        rescored = detections.assign(score=score)
        given = matcher.match(rescored).average_precision(weights)
        anew = BoxMatcher(annotations, CATEGORIES, ids).match(rescored).average_precision(weights)
        np.testing.assert_array_equal(given, anew)
