"""The network over all boxes learns from the other boxes, and never from an image that it rescores."""

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.experiments.rescoring.box_features import BOXES, Slots, box_features
from contextual_anomaly.experiments.rescoring.box_training import cross_validated_corrections

IMAGES = 120


@pytest.fixture(scope="module")
def case():
    """Images of three boxes; the first is correct just where the second is of class 1, and the scores are all equal."""
    rng = np.random.default_rng(0)
    neighbour = rng.integers(1, 3, IMAGES)
    column = np.stack([np.zeros(IMAGES, int), neighbour, np.full(IMAGES, 3)], 1).astype(np.int32)
    correct = np.stack([neighbour == 1, np.ones(IMAGES), np.zeros(IMAGES)], 1).astype(np.float32)
    features = np.zeros((IMAGES, 3, 2), np.float32)
    return (
        features,
        column,
        np.full((IMAGES, 3), 0.5, np.float32),
        correct,
        np.ones((IMAGES, 3), np.float32),
        np.arange(IMAGES) % 3,
    )


def test_it_learns_from_the_other_boxes(case):
    given, loss = cross_validated_corrections(*case, classes=4, seeds=[0], epochs=60)
    neighbour = case[1][:, 1] == 1
    assert given[neighbour, 0].min() > given[~neighbour, 0].max() + 0.1
    assert loss[1] < loss[0]


def test_no_image_is_rescored_by_its_own_annotations(case):
    features, column, score, correct, counts, fold = case
    before, _ = cross_validated_corrections(*case, classes=4, seeds=[0], epochs=60)
    other = correct.copy()
    other[fold == 1] = 1 - other[fold == 1]
    after, _ = cross_validated_corrections(
        features, column, score, other, counts, fold, classes=4, seeds=[0], epochs=60
    )
    np.testing.assert_array_equal(before[fold == 1], after[fold == 1])
    assert (before[fold != 1] != after[fold != 1]).any()


def test_slots_hold_the_boxes_of_the_highest_scores():
    image = np.repeat([0, 1], [BOXES + 2, 1])
    score = np.append(np.linspace(0.1, 0.9, BOXES + 2), 0.4)
    slots = Slots(image, score, 3)
    by_image = slots.by_image(score)
    assert by_image.shape == (3, BOXES)
    assert by_image[0].tolist() == score[:1:-1][1:].tolist()
    assert by_image[2].sum() == 0
    back = slots.by_box(by_image)
    assert back.tolist() == [0, 0, *score[2:]]


def test_features_are_relative_to_the_image():
    boxes = pd.DataFrame(
        {"image_id": [1, 1, 2], "category_id": 3, "score": [0.5, 0.9, 0.5], "lift": [0.0, 1, -1]}
        | {"x": [0.0, 10, 0], "y": 0.0, "width": [20.0, 20, 40], "height": [10.0, 10, 20]}
    )
    features = box_features(boxes, np.array([100, 100, 200]), np.array([50, 50, 100]))
    assert np.isfinite(features).all()
    assert features[0, 0] == pytest.approx(0)  # log-odds of 0.5, as they are
    np.testing.assert_allclose(features[0, 2:8], features[2, 2:8], atol=1e-6)  # twice the size in twice the image


def test_features_of_images_of_unknown_size_are_neutral():
    rng = np.random.default_rng(0)
    boxes = pd.DataFrame(
        {"image_id": np.repeat([1, 2, 3], 4), "category_id": 3, "score": rng.uniform(0.1, 0.9, 12)}
        | {"lift": rng.normal(size=12), "x": rng.uniform(0, 50, 12), "y": rng.uniform(0, 50, 12)}
        | {"width": rng.uniform(1, 50, 12), "height": rng.uniform(1, 50, 12)}
    )
    width, height = np.repeat([100, 0, 150], 4), np.repeat([100, 0, 120], 4)
    features = box_features(boxes, width, height)
    of_image, others = [2, 4, 5, 6, 7], [0, 1, 3, 8]
    np.testing.assert_allclose(features[4:8, of_image], 0, atol=1e-6)
    sized = box_features(boxes, np.maximum(width, 1000), np.maximum(height, 1000))
    np.testing.assert_allclose(features[:, others], sized[:, others], rtol=1e-6)
    # In the rest, the known images differ as they do without the unknown one, but for the scale.
    alone = box_features(boxes.drop(range(4, 8)), np.delete(width, range(4, 8)), np.delete(height, range(4, 8)))
    for column in of_image:
        assert np.corrcoef(np.delete(features[:, column], range(4, 8)), alone[:, column])[0, 1] == pytest.approx(1)
    unknown = box_features(boxes, np.zeros(12, int), np.zeros(12, int))
    assert np.isfinite(unknown).all()
    np.testing.assert_array_equal(unknown[:, of_image], 0)
