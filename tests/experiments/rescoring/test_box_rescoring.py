"""Boxes are rescored by what is around them, and never by the annotations of their own image."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly import tables
from contextual_anomaly.experiments.rescoring import box_rescoring, box_trees
from contextual_anomaly.experiments.rescoring.alternatives import alternatives, confusions
from contextual_anomaly.experiments.rescoring.box_features import Boxes, OtherBoxes, class_features, own_features
from contextual_anomaly.experiments.rescoring.box_trees import as_score, class_weights, cross_validated_quality
from contextual_anomaly.stats.folds import assign_folds

IDS = np.arange(10, 130)
CATEGORIES = pd.DataFrame({"category_id": [1, 2, 4], "name": ["cup", "dog", "plate"], "supercategory": ""})
IMAGES = pd.DataFrame({"image_id": IDS, "width": 200, "height": 100})


@pytest.fixture
def scene():
    """Cups are right just where a plate is, and half of the plates are taken for dogs; all scores are equal."""
    rng = np.random.default_rng(0)
    beside = rng.random(len(IDS)) < 0.5
    mistaken = beside & (rng.random(len(IDS)) < 0.5)
    cup = pd.DataFrame({"image_id": IDS, "category_id": 1, "score": 0.5, "x": 10, "y": 20, "width": 20, "height": 30})
    other = cup.assign(category_id=np.where(beside & ~mistaken, 4, 2), x=100)
    detections = pd.concat([cup, other]).sort_values("image_id", kind="stable", ignore_index=True)
    objects = pd.concat([cup[beside], other[beside].assign(category_id=4)]).sort_values("image_id", kind="stable")
    objects = objects.assign(area=600.0, iscrowd=False).drop(columns="score").reset_index(drop=True)
    return detections[list(tables.DETECTIONS.names)], objects, beside, mistaken


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(box_trees, "ITERATIONS", 20)


def _run(detections, objects):
    return box_rescoring.run(detections, IDS, objects, CATEGORIES, IMAGES, n_folds=3)


def test_a_box_is_judged_by_the_other_boxes(scene):
    detections, objects, beside, mistaken = scene
    steps = _run(detections, objects)
    cups = steps[steps["score"].notna() & (steps["category_id"] == 1)].set_index("image_id").loc[IDS]
    plate = beside & ~mistaken
    assert cups["context"][plate].min() > cups["context"][~plate].max() + 0.2
    # A cup by itself, and its doubles, say nothing: all cups are alike.
    assert np.ptp(cups["own"][plate].to_numpy()) < 0.2
    assert cups["own"].corr(pd.Series(plate, IDS)) < 0.3


def test_what_was_mistaken_is_found_under_its_class(scene):
    detections, objects, _, mistaken = scene
    steps = _run(detections, objects)
    added = steps[steps["score"].isna()]
    assert added[["own", "duplicates", "context"]].isna().all(axis=None)
    dogs = detections[detections["category_id"] == 2]["image_id"]
    plates = added[(added["category_id"] == 4) & (added["x"] == 100)]
    # Each box of a dog is added as a plate, which about a third of them are.
    assert plates["image_id"].tolist() == dogs.tolist()
    assert plates["alternatives"].mean() == pytest.approx(mistaken.sum() / len(dogs), abs=0.1)


def test_no_image_is_rescored_by_its_own_annotations(scene):
    detections, objects, _, _ = scene
    before = _run(detections, objects)
    own = IDS[assign_folds(len(IDS), 3, 0) == 1]
    moved = objects.assign(category_id=objects["category_id"].where(~objects["image_id"].isin(own), 2))
    after = _run(detections, moved)
    columns = list(box_rescoring.STEPS[:3])
    of_fold = before["score"].notna() & before["image_id"].isin(own)
    after_of_fold = after["score"].notna() & after["image_id"].isin(own)
    keys = ["image_id", "category_id", "x"]
    first, second = (
        table[rows].sort_values(keys)[[*keys, *columns]].reset_index(drop=True)
        for table, rows in ((before, of_fold), (after, after_of_fold))
    )
    pd.testing.assert_frame_equal(first, second, rtol=0, atol=0)
    assert not before["context"].equals(after["context"])


def _boxes(*rows):
    image, column, score, x, width = (np.array(part) for part in zip(*rows, strict=True))
    corners = np.stack([x, np.zeros(len(x)), width, np.full(len(x), 10.0)], 1).astype(float)
    return Boxes(image, column, score.astype(float), corners, np.full((len(x), 2), 100.0))


def test_pairs_are_of_one_image_and_equal_scores_have_an_order():
    boxes = _boxes((0, 0, 0.5, 0, 10), (0, 0, 0.5, 5, 10), (0, 1, 0.9, 0, 10), (1, 0, 0.4, 0, 10))
    others = OtherBoxes(boxes)
    doubles = others.duplicates()
    third = pytest.approx(1 / 3)
    # IoU with a higher and with a lower box of the class.
    assert (doubles[0, 0], doubles[0, 3]) == (0, third)
    assert (doubles[1, 0], doubles[1, 3]) == (third, 0)
    assert doubles[2, :9].tolist() == [0] * 9
    assert others.overlap_by_class(2).tolist() == [[third, 1], [third, third], [1, 0], [0, 0]]
    around = others.around()
    assert around[:, 9].tolist() == [2, 2, 2, 0]  # other boxes of the image
    assert np.isnan(around[3, 11])  # the mean score of none


def test_a_size_that_is_not_known_leaves_what_does_not_need_it():
    boxes = _boxes((0, 1, 0.5, 20, 10))
    known = own_features(boxes)
    unknown = own_features(Boxes(boxes.image, boxes.column, boxes.score, boxes.corners, np.full((1, 2), np.nan)))
    assert np.isfinite(known).all()
    np.testing.assert_array_equal(unknown[0, [0, 1, 4, 5]], known[0, [0, 1, 4, 5]])
    assert np.isnan(unknown[0, [2, 3, 6, 7]]).all()


def test_features_of_the_class_by_hand():
    found = class_features(np.array([1]), np.log([[0.2, 0.3, 0.5]]))[0]
    entropy = -sum(p * np.log(p) for p in (0.2, 0.3, 0.5))
    np.testing.assert_allclose(
        found, [np.log(0.3), np.log(0.3 / 0.7), np.log(0.3 / 0.5), 1, entropy, np.log(0.5)], rtol=1e-9
    )


def test_confusions_leave_out_the_own_fold():
    boxes = _boxes((0, 0, 0.5, 0, 10), (1, 0, 0.5, 0, 10))
    objects = _boxes((0, 1, 1, 0, 10), (1, 2, 1, 0, 10))
    found = confusions(boxes, objects, 3, np.array([0, 1]))
    assert found[0, 0].argmax() == 2
    assert found[1, 0].argmax() == 1


def test_a_class_that_is_there_already_is_no_alternative():
    boxes = _boxes((0, 0, 0.5, 0, 10), (0, 1, 0.9, 0, 10))
    others = OtherBoxes(boxes)
    added = alternatives(boxes, np.log(np.full((2, 3), 0.1)), None, others.overlap_by_class(3))
    assert list(zip(added.box.tolist(), added.column.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_classes_weigh_by_the_root_of_their_number():
    weights = class_weights(np.repeat([0, 1], [400, 100]))
    assert weights[0] * 2 == pytest.approx(weights[-1])
    assert weights.mean() == pytest.approx(1)


def test_boxes_without_any_quality_keep_their_order():
    scores = as_score(np.array([-0.1, -0.2, 0.5, 1.2]), np.array([0.3, 0.9, 0.1, 0.2]))
    assert scores.argsort().tolist() == [0, 1, 2, 3]
    assert scores.max() == 1


def test_without_a_fold_of_boxes_nothing_is_fitted_to_it():
    quality = cross_validated_quality(
        np.ones((4, 1)), np.array([1.0, 0, 1, 0]), np.ones(4), np.zeros(4, int), np.array([0, 0, 2, 2])
    )
    np.testing.assert_allclose(quality, 0.5, atol=1e-6)


class Shares:
    """An object model that answers by the share of a class among the other objects' certainty, plus one each."""

    input_classes = ("plate", "cup")

    def object_log_probabilities(self, objects, own_box=True):
        certain = np.zeros((len(objects), 2))
        np.add.at(certain, (objects.scene, objects.column), objects.certainty)
        others = certain[objects.scene] + 1
        others[np.arange(len(objects.column)), objects.column] -= objects.certainty
        return np.log(others / others.sum(1, keepdims=True)).astype(np.float32)[None]


def test_the_object_model_is_asked_by_the_names_of_classes():
    """Classes that the model does not know have no answer, and the data set's order is kept."""
    boxes = _boxes((3, 0, 0.5, 0, 10), (3, 1, 0.5, 20, 10), (3, 2, 0.75, 40, 10), (5, 2, 0.9, 40, 10))
    found = np.exp(box_rescoring.object_log_probability(Shares(), boxes, ("cup", "dog", "plate")))
    wanted = [[1 / 2.75, np.nan, 1.75 / 2.75], [np.nan] * 3, [1.5 / 2.5, np.nan, 1 / 2.5], [0.5, np.nan, 0.5]]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_context_is_an_object_models_where_there_is_one(scene):
    detections, objects, _, _ = scene
    with_model = box_rescoring.run(detections, IDS, objects, CATEGORIES, IMAGES, Shares(), n_folds=3)
    without = _run(detections, objects)
    keys = ["image_id", "category_id", "x"]
    first, second = (
        steps[steps["score"].notna()].sort_values(keys, ignore_index=True) for steps in (with_model, without)
    )
    pd.testing.assert_series_equal(first["duplicates"], second["duplicates"])
    assert not first["context"].equals(second["context"])


def test_bins_are_those_of_scikit_learn(monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(900, 5))
    features[rng.random(features.shape) < 0.05] = np.nan
    features[:, 1] = rng.integers(0, 40, 900)  # fewer values than bins
    features[:, 2] = np.round(features[:, 2], 1)
    features[:, 3] = np.where(rng.random(900) < 0.7, 0, features[:, 3])  # most are equal
    correct = np.clip(np.nan_to_num(features[:, 0]) + rng.normal(size=900), 0, 1)
    arguments = features, correct, np.ones(900), rng.integers(0, 3, 900), rng.integers(0, 3, 900)
    binned = cross_validated_quality(*arguments)
    monkeypatch.setattr(box_trees, "DRAWN", 0)
    np.testing.assert_array_equal(binned, cross_validated_quality(*arguments))
