"""Changed objects: what is drawn, and measures against scikit-learn for a model whose answers are given."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from contextual_anomaly.experiments import objects as of_objects
from contextual_anomaly.models.base import Conditional, Variant
from contextual_anomaly.scene_objects import SceneObjects

CLASSES = ("a", "b", "c", "d")
SUPERCATEGORY = np.array([0, 0, 1, 2])


@pytest.fixture
def objects() -> SceneObjects:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 5, 400)
    total = int(lengths.sum())
    boxes = rng.uniform(10, 100, (total, 4)).astype(np.float32)
    sizes = rng.uniform(200, 600, (400, 2)).astype(np.float32)
    return SceneObjects(
        np.concatenate([[0], np.cumsum(lengths)]), rng.choice(4, total, p=[0.5, 0.3, 0.15, 0.05]), boxes,
        rng.random(total) < 0.1, np.ones(total, np.float32), sizes, CLASSES,
    )  # fmt: skip


def test_each_way_changes_what_it_says(objects):
    found = {one.experiment: one for one in of_objects.change_objects(objects, SUPERCATEGORY, 0.2, 1)}
    assert set(found) == {*of_objects.EXCHANGED, *of_objects.PLACED}
    for name, one in found.items():
        assert not (one.changed & objects.crowd).any()
        assert one.changed.sum() == pytest.approx(0.2 * (~objects.crowd).sum(), abs=5)
        other_label = one.objects.column != objects.column
        np.testing.assert_array_equal(other_label, one.changed if name in of_objects.EXCHANGED else False)
        other_box = (one.objects.boxes != objects.boxes).any(1)
        np.testing.assert_array_equal(other_box, one.changed if name in of_objects.PLACED else False)
    within = found["label_in_supercategory"]
    np.testing.assert_array_equal(SUPERCATEGORY[within.objects.column], SUPERCATEGORY[objects.column])
    frequency, uniform = (
        np.bincount(found[name].objects.column[found[name].changed & (objects.column == 3)], minlength=4)
        for name in ("label_by_frequency", "label_uniform")
    )
    assert frequency[3] == uniform[3] == 0
    before, judged = objects.box_features(), ~objects.crowd
    for name, features in of_objects.PLACED.items():
        one = found[name]
        after = one.objects.box_features()
        low, high = np.zeros((2, 4, 2))
        for a in range(4):
            low[a], high[a] = np.quantile(before[judged & (objects.column == a)][:, features], (0.05, 0.95), axis=0)
        value, column = after[one.changed][:, features], one.objects.column[one.changed]
        # What is cut off at the edge of the image may end inside the habit.
        assert ((value < low[column]) | (value > high[column])).any(1).mean() > 0.8
        kept = [2, 3] if name == "box_moved" else [0, 1]
        assert np.isclose(after[one.changed][:, kept], before[one.changed][:, kept], atol=1e-4).all(1).mean() > 0.5


class Alone(Conditional):
    """A model that answers for classes alone."""

    family = name = "alone"
    classes = CLASSES
    variants = (Variant(),)

    def log_odds(self, presence, geometry=None):
        return np.zeros((1, *presence.shape), np.float32)

    def state(self):
        return {}, {}


class Given(Alone):
    """A model whose answers are kept: the true class, in noise."""

    input_classes = CLASSES

    def __init__(self):
        self.answers = []

    def object_log_probabilities(self, objects, own_box=True):
        rng = np.random.default_rng(len(objects.column))
        logits = rng.normal(size=(len(objects.column), 4))
        logits[np.arange(len(logits)), self.truth] += 2
        answer = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        self.answers.append((objects, answer))
        return answer[None].astype(np.float32)


def test_measures_are_those_of_scikit_learn(objects):
    model = Given()
    model.truth = objects.column
    table = of_objects.run(model, objects, objects, SUPERCATEGORY, 0.1, 50, 3).summary
    judged = ~objects.crowd
    clean = model.answers[0][1]
    rows = table.set_index(["experiment", "metric"])
    own = clean[np.arange(len(clean)), objects.column][judged]
    assert rows.loc[("objects", "nats"), "value"] == pytest.approx(-own.mean(), rel=1e-5)
    right = (clean.argmax(1) == objects.column)[judged].mean()
    assert rows.loc[("objects", "accuracy"), "value"] == pytest.approx(right)
    frequency = np.bincount(objects.column[judged]) + 0.5
    for name, (changed, answer) in zip(of_objects.EXCHANGED, model.answers[1:4], strict=True):
        positive = (changed.column != objects.column)[judged]
        surprise = -answer[np.arange(len(answer)), changed.column][judged]
        lift = surprise + np.log(frequency / frequency.sum())[changed.column][judged]
        for prefix, score in (("", lift.astype(np.float32)), ("surprise_", surprise.astype(np.float32))):
            auroc, precision = roc_auc_score(positive, score), average_precision_score(positive, score)
            assert rows.loc[(name, f"{prefix}auroc"), "value"] == pytest.approx(auroc, rel=1e-4)
            assert rows.loc[(name, f"{prefix}average_precision"), "value"] == pytest.approx(precision, rel=1e-3)
            first = np.argsort(-score)[: positive.sum()]
            assert rows.loc[(name, f"{prefix}precision_at_k"), "value"] == pytest.approx(
                positive[first].mean(), abs=0.01
            )
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()


class ByCompany(Alone):
    """Class a goes with b, c with d; a class says nothing about itself."""

    def log_odds(self, presence, geometry=None):
        assert len(geometry) == len(presence)
        counts = np.zeros(presence.shape)
        np.add.at(counts, (geometry.scene, geometry.column), 1)
        np.testing.assert_array_equal(counts > 0, presence > 0)  # the object in question is gone from both
        return (4 * presence[:, [1, 0, 3, 2]] - 2)[None].astype(np.float32)


def test_a_model_of_classes_is_told_the_others_alone(objects):
    answer = of_objects.log_probabilities_by_presence(ByCompany(), objects)[0]
    np.testing.assert_allclose(np.exp(answer).sum(1), 1, rtol=1e-5)
    partner = np.array([1, 0, 3, 2])
    rows = np.arange(len(objects.column))
    beside = np.zeros(len(rows), bool)
    for i in rows:
        others = np.delete(objects.column[objects.scene == objects.scene[i]], (i - objects.offsets[objects.scene[i]]))
        beside[i] = (others == partner[objects.column[i]]).any()
    own = answer[rows, objects.column]
    assert own[beside].min() > own[~beside].max() - 1.5
    assert own[beside].mean() > own[~beside].mean() + 2
    table = of_objects.run(ByCompany(), objects, objects, SUPERCATEGORY, n_resamples=20).summary
    assert set(table["experiment"]) == {"objects", *of_objects.EXCHANGED}  # it knows nothing of boxes
