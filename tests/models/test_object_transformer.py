"""The object transformer: what it may look at, that NumPy computes what Flax trained, and a world whose answer is known."""

import json
import math

import numpy as np
import pytest

from contextual_anomaly.models import registry
from contextual_anomaly.models.base import WithObjects
from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.evidence import scene_evidence
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.families.object_transformer import ObjectTransformer
from contextual_anomaly.scene_objects import ImageObjects, SceneObjects, stack_scenes
from contextual_anomaly.scenes import Scenes

CLASSES = ("person", "bed", "cup", "fork", "kite")
PREDICTED = CLASSES[1:]
WIDTH, HEIGHT = 640, 480
SCENES = 6000

# A world of two scene types: an object's class, and its place (one of four boxes), depend on the type, and on the class.
TYPES = np.array([0.6, 0.4])
CLASS_OF_TYPE = np.array([[0.3, 0.3, 0.2, 0.15, 0.05], [0.3, 0.02, 0.08, 0.1, 0.5]])
BOXES = np.array([[20, 30, 100, 60], [400, 60, 200, 160], [90, 300, 60, 150], [350, 330, 240, 120]], np.float32)
PLACE_OF_CLASS = np.array([[5, 2, 2, 1], [1, 1, 1, 7], [6, 1, 2, 1], [1, 6, 1, 2], [3, 5, 1, 1]]) / 10
NUMBERS = np.array([0, 0.2, 0.3, 0.3, 0.2])
"""Probability of 0 to 4 objects."""


def drawn_world(seed: int) -> SceneObjects:
    rng = np.random.default_rng(seed)
    lengths = rng.choice(len(NUMBERS), SCENES, p=NUMBERS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    kind = np.repeat(rng.choice(2, SCENES, p=TYPES), lengths)
    column = (rng.random((len(kind), 1)) > CLASS_OF_TYPE[kind].cumsum(1)).sum(1).clip(max=4)
    place = (rng.random((len(kind), 1)) > PLACE_OF_CLASS[column].cumsum(1)).sum(1).clip(max=3)
    sizes = np.tile(np.array([[WIDTH, HEIGHT]], np.float32), (SCENES, 1))
    certain = np.ones(len(kind), np.float32)
    return SceneObjects(offsets, column, BOXES[place], np.zeros(len(kind), bool), certain, sizes, CLASSES)


def scenes_of(objects: SceneObjects) -> Scenes:
    counts = np.zeros((len(objects), len(CLASSES)), np.uint16)
    np.add.at(counts, (objects.scene, objects.column), 1)
    return Scenes(np.arange(len(objects)), counts[:, 1:], PREDICTED, (2, 3, 4, 5), "small")


@pytest.fixture(scope="module")
def world() -> SceneObjects:
    return drawn_world(0)


@pytest.fixture(scope="module")
def model(world) -> ObjectTransformer:
    text = {
        "family": "object_transformer",
        "units": 32,
        "layers": 2,
        "heads": 2,
        "epochs": 16,
        "batch_size": 96,
        "row_length": 16,
    }
    settings = registry.read_settings(json.dumps({**text, "learning_rate": 0.004}))
    data = TrainingData(scenes_of(world), image_objects=ImageObjects(np.arange(SCENES), world))
    return registry.fit(data, "objects", settings, 2).model


@pytest.fixture(scope="module")
def random_model() -> ObjectTransformer:
    """A network with random weights, for what holds for any."""
    jax = pytest.importorskip("jax")
    from contextual_anomaly.models.training.object_net import ObjectNet
    from contextual_anomaly.models.training.objects import flat_params

    nets = []
    for seed in (0, 1):
        net = ObjectNet(5, 4, 16, 2, 2, 0.0)
        shapes = [(1, 3, 5), (1, 3, 10), (1, 3, 4), (1, 2, 1), (1, 5, 3)]
        params = flat_params(jax.jit(net.init)(jax.random.key(seed), *map(jax.numpy.ones, shapes)))
        noise = np.random.default_rng(seed)
        nets.append({name: value + noise.normal(0, 0.3, value.shape) for name, value in params.items()})
    tensors = {name: np.stack([net[name] for net in nets]) for name in nets[0]}
    scale = {"feature_mean": np.array([0, 0.1, -1, -1, 0.3, 5, 0.2, 0.2]), "feature_scale": np.full(8, 0.7)}
    return ObjectTransformer("random", PREDICTED, [0, 1], CLASSES, 2, {**scale, **tensors})


@pytest.fixture
def scenes() -> SceneObjects:
    """Scenes of different numbers of objects; some without box, a crowd, doubtful ones, and an image of unknown size."""
    rng = np.random.default_rng(3)
    lengths = np.array([0, 1, 7, 3, 12, 5, 40])
    total = int(lengths.sum())
    boxes = np.column_stack([rng.uniform(0, 300, (total, 2)), rng.uniform(5, 150, (total, 2))]).astype(np.float32)
    boxes[rng.random(total) < 0.2] = np.nan
    sizes = np.tile(np.array([[WIDTH, HEIGHT]], np.float32), (len(lengths), 1))
    sizes[3] = np.nan
    certain = rng.uniform(0.2, 1, total).astype(np.float32)
    column = rng.integers(0, 5, total)
    return SceneObjects(
        np.concatenate([[0], np.cumsum(lengths)]), column, boxes, rng.random(total) < 0.1, certain, sizes, CLASSES
    )


def presence_of(objects: SceneObjects) -> np.ndarray:
    return scenes_of(objects).presence


def with_objects(objects: SceneObjects, **changed) -> SceneObjects:
    return SceneObjects(**{**vars(objects), **changed})


def test_it_answers_for_objects_and_for_classes(random_model, scenes):
    assert isinstance(random_model, WithObjects)
    answer = random_model.object_log_probabilities(scenes)
    assert answer.shape == (2, len(scenes.column), 5)
    np.testing.assert_allclose(np.exp(answer).sum(-1), 1, atol=1e-5)
    assert random_model.log_odds(presence_of(scenes), scenes).shape == (2, len(scenes), 4)


def test_numpy_computes_what_flax_does(random_model, scenes):
    """Each scene alone in Flax, whose questions are put by hand, against all scenes at once in NumPy."""
    jax = pytest.importorskip("jax")
    from contextual_anomaly.models.training.object_net import ObjectNet

    net, of_objects, of_classes = ObjectNet(5, 4, 16, 2, 2, 0.0), [], []
    mean, scale = (random_model.tensors[f"feature_{name}"] for name in ("mean", "scale"))
    apply = jax.jit(net.apply)
    compared = [2, 3, 4]  # of them one of an image of unknown size
    for one in (scenes[[n]] for n in compared):
        features = one.box_features()
        boxed = ~np.isnan(features[:, :1])
        inputs = np.column_stack([boxed, one.crowd, np.nan_to_num((features - mean) / scale)]).astype(np.float32)
        boxes = np.where(boxed, features[:, :4], mean[:4]).astype(np.float32)
        hidden = [-1, *np.unique(one.column[one.column > 0])]
        others = one.certainty * ~np.eye(len(boxed), dtype=bool)
        seen = one.certainty * (np.array(hidden)[:, None] != one.column)
        aspect = np.full((len(hidden), 1), 0 if np.isnan(one.sizes[0, 0]) else np.log(WIDTH / HEIGHT), np.float32)
        given = (
            np.eye(5, dtype=np.float32)[one.column],
            inputs,
            boxes,
            aspect,
            np.concatenate([others, seen]).astype(np.float32),
        )
        for m in range(2):
            params: dict = {}
            for name, value in random_model.tensors.items():
                module, _, parameter = name.partition("/")
                if parameter:
                    params.setdefault(module, {})[parameter] = value[m]
                elif not name.startswith("feature_"):
                    params[module] = value[m]
            objects, classes = apply({"params": params}, *(jax.numpy.asarray(part[None]) for part in given))
            of_objects.append(jax.nn.log_softmax(objects[0]))
            answer = np.array(classes[0, 0])
            for question, c in enumerate(hidden[1:], start=1):
                answer[c - 1] = classes[0, question, c - 1]
            of_classes.append(answer)
    log_odds, found = random_model.log_odds(presence_of(scenes), scenes), random_model.object_log_probabilities(scenes)
    rows = np.isin(scenes.scene, compared)
    for m in range(2):
        np.testing.assert_allclose(np.concatenate(of_objects[m::2]), found[m, rows], atol=2e-4)
        np.testing.assert_allclose(np.stack(of_classes[m::2]), log_odds[m, compared], atol=2e-4)


def test_an_objects_own_class_never_reaches_its_answer(random_model, scenes):
    answer = random_model.object_log_probabilities(scenes)
    for k in range(len(scenes.column)):
        column = scenes.column.copy()
        column[k] = (column[k] + 1) % 5
        changed = random_model.object_log_probabilities(with_objects(scenes, column=column))
        np.testing.assert_array_equal(changed[:, k], answer[:, k])
        if scenes.offsets[2] < k:  # an object with company: the others' answers do change
            others = np.setdiff1d(np.flatnonzero(scenes.scene == scenes.scene[k]), k)
            assert (changed[:, others] != answer[:, others]).any()


def test_an_objects_own_box_is_hidden_as_if_it_had_none(random_model, scenes):
    answer = random_model.object_log_probabilities(scenes, own_box=False)
    for k in range(len(scenes.column)):
        boxes = scenes.boxes.copy()
        boxes[k] = np.nan
        without = random_model.object_log_probabilities(with_objects(scenes, boxes=boxes))
        np.testing.assert_allclose(answer[:, k], without[:, k], atol=2e-4)


def test_objects_of_a_class_never_reach_the_answer_whether_it_is_present(random_model, scenes):
    presence = presence_of(scenes)
    answer = random_model.log_odds(presence, scenes)
    for c in range(4):
        own = scenes.column == c + 1
        boxes = np.where(own[:, None], BOXES[0], scenes.boxes)
        moved = random_model.log_odds(presence, with_objects(scenes, boxes=boxes))
        np.testing.assert_array_equal(moved[:, :, c], answer[:, :, c])
        other = presence.copy()
        other[:, c] = 1 - other[:, c]
        toggled = random_model.log_odds(other, scenes)
        np.testing.assert_allclose(toggled[:, :, c], answer[:, :, c], atol=1e-4)
        assert np.abs(np.delete(toggled - answer, c, axis=2)).max() > 0.01


def test_the_order_of_objects_and_the_other_scenes_say_nothing(random_model, scenes):
    presence, order = presence_of(scenes), np.random.default_rng(0).permutation(40) + scenes.offsets[-2]
    order = np.concatenate([np.arange(scenes.offsets[-2]), order])
    parts = {name: getattr(scenes, name)[order] for name in ("column", "boxes", "crowd", "certainty")}
    answer, found = random_model.log_odds(presence, scenes), random_model.object_log_probabilities(scenes)
    shuffled = with_objects(scenes, **parts)
    np.testing.assert_allclose(random_model.log_odds(presence, shuffled), answer, atol=2e-4)
    np.testing.assert_allclose(random_model.object_log_probabilities(shuffled), found[:, order], atol=2e-4)
    for n in range(len(scenes)):
        np.testing.assert_allclose(random_model.log_odds(presence[[n]], scenes[[n]]), answer[:, [n]], atol=2e-4)
        own = slice(*scenes.offsets[n : n + 2])
        np.testing.assert_allclose(random_model.object_log_probabilities(scenes[[n]]), found[:, own], atol=2e-4)


def test_certainty_goes_from_absent_to_present(random_model, scenes):
    """A class of presence 0 is as if its objects were not there, whatever their boxes."""
    presence = presence_of(scenes)
    presence[:, 2] = 0
    without = scenes.column != 3
    kept = {name: getattr(scenes, name)[without] for name in ("column", "boxes", "crowd", "certainty")}
    offsets = np.concatenate([[0], np.cumsum(np.bincount(scenes.scene[without], minlength=len(scenes)))])
    expected = random_model.log_odds(presence, with_objects(scenes, offsets=offsets, **kept))
    np.testing.assert_allclose(random_model.log_odds(presence, scenes), expected, atol=1e-4)
    presence[:, 2] = 1e-6
    np.testing.assert_allclose(random_model.log_odds(presence, scenes), expected, atol=1e-3)


def test_a_class_without_objects_and_presence_alone_are_objects_without_a_box(random_model):
    presence = np.array([[1, 0, 0, 1]], np.float32)
    boxless = SceneObjects(
        np.array([0, 2]), np.array([1, 4]), np.full((2, 4), np.nan, np.float32), np.zeros(2, bool),
        np.ones(2, np.float32), np.full((1, 2), np.nan, np.float32), CLASSES,
    )  # fmt: skip
    answer = random_model.log_odds(presence)
    np.testing.assert_array_equal(random_model.log_odds(presence, boxless), answer)
    np.testing.assert_array_equal(random_model.log_odds(presence, np.zeros((1, 5, 8), np.float32)), answer)
    person = np.zeros((1, 5, 8), np.float32)
    person[0, 0, 0] = 1  # not predicted, but seen
    assert np.abs(random_model.log_odds(presence, person) - answer).max() > 1e-3


def test_the_scene_that_is_kept_is_taken_for_no_other(random_model, scenes):
    """Of a single scene the model keeps what it has read: anything that is different is read anew."""
    one, presence = scenes[[2]], presence_of(scenes)[[2]]
    rng = np.random.default_rng(4)
    changed = [
        (presence, with_objects(one, boxes=one.boxes + 30)),
        (presence, with_objects(one, certainty=one.certainty / 2)),
        (presence, with_objects(one, crowd=~one.crowd)),
        (presence, with_objects(one, sizes=one.sizes * 2)),
        (presence / 2, one),
        (presence, None),
        (presence, scenes[[4]]),
        (presence, with_objects(one, column=rng.permutation(one.column))),
    ]
    first = random_model.log_odds(presence, one)
    for other in changed:
        twice = tuple(part if part is None else _twice(part) for part in other)
        answer = random_model.log_odds(*other)
        np.testing.assert_allclose(answer[:, 0], random_model.log_odds(*twice)[:, 1], atol=2e-4)
        assert np.abs(answer - first).max() > 1e-4
        np.testing.assert_array_equal(random_model.log_odds(presence, one), first)


def _twice(part):
    return np.concatenate([part, part]) if isinstance(part, np.ndarray) else stack_scenes([part, part])


def test_subsets_and_explanations_agree_with_scenes(random_model, scenes):
    presence, subsets = presence_of(scenes), np.random.default_rng(1).random((6, 4)) < 0.5
    for n in (2, 4):
        answer = random_model.log_odds_of_subsets(presence[n], subsets, np.arange(4), scenes[[n]])
        for s, kept in enumerate(subsets):
            expected = random_model.log_odds(presence[[n]] * kept, scenes[[n]])[:, 0]
            absent = ~(kept & (presence[n] > 0))
            np.testing.assert_allclose(answer[:, s, absent], expected[:, absent], atol=2e-4)
    rows = np.array([2, 2, 4])
    target = np.array([0, 1, 3])
    explained = explain(random_model, 1, presence[rows], target, scenes[rows])
    expected = random_model.log_odds(presence[rows], scenes[rows])[1][np.arange(3), target]
    np.testing.assert_allclose(explained.log_odds, expected, atol=2e-4)
    np.testing.assert_allclose(explained.base + explained.attributions.sum(1) + explained.rest, expected, atol=2e-4)


def of_next_classes(model: ObjectTransformer) -> ObjectTransformer:
    return ObjectTransformer("next", PREDICTED, [0, 1], CLASSES, 2, model.tensors, "next_class")


def test_a_next_class_is_that_of_an_object_that_is_added_without_a_box(random_model, scenes):
    """By hand: the class's own objects are taken out, one without a box is put in, and its class is asked for."""
    presence = presence_of(scenes)
    answer = of_next_classes(random_model).log_odds(presence, scenes)
    for n in range(len(scenes)):
        for c in range(4):
            one = scenes[[n]]
            kept = np.append(np.flatnonzero(one.column != c + 1), 0)
            added = SceneObjects(
                np.array([0, len(kept)]), np.append(one.column[kept[:-1]], 0),
                np.concatenate([one.boxes[kept[:-1]], np.full((1, 4), np.nan, np.float32)]),
                np.append(one.crowd[kept[:-1]], False), np.append(one.certainty[kept[:-1]], np.float32(1)), one.sizes, CLASSES,
            )  # fmt: skip
            share = np.exp(random_model.object_log_probabilities(added, own_box=False)[:, -1, c + 1].astype(float))
            np.testing.assert_allclose(answer[:, n, c], np.log(share / (1 - share)), atol=1e-3)


def test_a_next_class_is_kept_in_the_file_and_explained(random_model, scenes, tmp_path):
    next_class, presence = of_next_classes(random_model), presence_of(scenes)
    answer = next_class.log_odds(presence, scenes)
    assert np.abs(answer - random_model.log_odds(presence, scenes)).max() > 0.1
    registry.save(next_class, tmp_path / "next.safetensors")
    np.testing.assert_array_equal(registry.load_model(tmp_path / "next.safetensors").log_odds(presence, scenes), answer)
    subsets = np.array([[True, False, True, False], [False, True, True, True]])
    found = next_class.log_odds_of_subsets(presence[4], subsets, np.arange(4), scenes[[4]])
    for s, kept in enumerate(subsets):
        expected, absent = next_class.log_odds(presence[[4]] * kept, scenes[[4]])[:, 0], ~(kept & (presence[4] > 0))
        np.testing.assert_allclose(found[:, s, absent], expected[:, absent], atol=2e-4)


def test_detections_are_evidence(random_model, scenes):
    """What `check` gives it of one image is what it is given of a split."""
    one = scenes[[2]]
    names = [CLASSES[c] for c in one.column]
    boxes = [None if np.isnan(box[0]) else box.tolist() for box in one.boxes]
    plain = with_objects(one, crowd=np.zeros(7, bool))
    evidence = scene_evidence(
        random_model, [*names, "unicorn"], [*one.certainty.tolist(), 0.9], [*boxes, None], (WIDTH, HEIGHT)
    )
    largest = np.zeros((1, 5), np.float32)
    np.maximum.at(largest[0], one.column, one.certainty)
    np.testing.assert_array_equal(evidence.presence, largest[:, 1:])
    np.testing.assert_allclose(
        random_model.log_odds(evidence.presence, evidence.geometry),
        random_model.log_odds(largest[:, 1:], plain),
        atol=1e-5,
    )


def test_two_hundred_objects_and_none(random_model):
    rng = np.random.default_rng(0)
    boxes = np.column_stack([rng.uniform(0, 300, (200, 2)), rng.uniform(5, 150, (200, 2))]).astype(np.float32)
    many = SceneObjects(
        np.array([0, 200, 200]), rng.integers(0, 5, 200), boxes, np.zeros(200, bool), np.ones(200, np.float32),
        np.full((2, 2), 600, np.float32), CLASSES,
    )  # fmt: skip
    assert np.isfinite(random_model.object_log_probabilities(many)).all()
    assert np.isfinite(random_model.log_odds(presence_of(many), many)).all()


def object_oracle(objects: SceneObjects) -> np.ndarray:
    """log P(class of an object | its place, all other objects), [K, A], by enumeration of the scene type."""
    place = np.array([np.abs(BOXES - box).sum(1).argmin() for box in objects.boxes])
    joint = CLASS_OF_TYPE[:, :, None] * PLACE_OF_CLASS  # type, class, place
    answer = np.zeros((len(place), 5))
    for begin, end in zip(objects.offsets[:-1], objects.offsets[1:], strict=True):
        for k in range(begin, end):
            others = [j for j in range(begin, end) if j != k]
            of_type = TYPES * np.prod([joint[:, objects.column[j], place[j]] for j in others] or [[1, 1]], axis=0)
            share = of_type @ joint[:, :, place[k]]
            answer[k] = np.log(share / share.sum())
    return answer


def class_oracle(objects: SceneObjects) -> np.ndarray:
    """P(class present | all objects of other classes), [N, C]: enumerate type and number of objects of the class.

    With m objects of other classes, k of the class can stand among them in binomial(m + k, k) orders.
    """
    place = np.array([np.abs(BOXES - box).sum(1).argmin() for box in objects.boxes])
    joint = CLASS_OF_TYPE[:, :, None] * PLACE_OF_CLASS
    answer = np.zeros((len(objects), 4))
    for n, (begin, end) in enumerate(zip(objects.offsets[:-1], objects.offsets[1:], strict=True)):
        for c in range(1, 5):
            others = [j for j in range(begin, end) if objects.column[j] != c]
            of_type = TYPES * np.prod([joint[:, objects.column[j], place[j]] for j in others] or [[1, 1]], axis=0)
            ways = [
                NUMBERS[len(others) + k] * math.comb(len(others) + k, k) * (of_type @ CLASS_OF_TYPE[:, c] ** k)
                for k in range(len(NUMBERS) - len(others))
            ]
            answer[n, c - 1] = sum(ways[1:]) / sum(ways)
    return answer


@pytest.fixture(scope="module")
def unseen() -> SceneObjects:
    return drawn_world(1)[:1500]


def test_classes_of_objects_are_nearly_as_probable_as_they_are(model, unseen):
    rows = np.arange(len(unseen.column))
    surprise = {
        "model": -model.object_log_probabilities(unseen)[0, rows, unseen.column].mean(),
        "oracle": -object_oracle(unseen)[rows, unseen.column].mean(),
        "frequency": -np.log((TYPES @ CLASS_OF_TYPE)[unseen.column]).mean(),
    }
    assert 0.995 * surprise["oracle"] < surprise["model"] < 1.02 * surprise["oracle"]
    assert surprise["oracle"] < 0.85 * surprise["frequency"]


def test_classes_are_nearly_as_probable_as_they_are(model, unseen):
    """Among the images that have a predicted class, as the scenes have that it was fitted on."""
    presence = presence_of(unseen)
    truth, answer = class_oracle(unseen), model.predict_proba(presence, unseen)[0]

    def surprise(probability):
        return -np.log(np.where(presence > 0, probability, 1 - probability)).sum(1).mean()

    frequency = np.tile(presence.mean(0), (len(presence), 1))
    assert surprise(answer) < 1.02 * surprise(truth)
    assert surprise(truth) < 0.97 * surprise(frequency)


def test_a_next_class_is_about_as_probable_as_it_is(model, unseen):
    """By the share of each class in a scene type, and how likely the types are; the next class is none that is there."""
    next_class = ObjectTransformer("next", PREDICTED, [0], CLASSES, 2, model.tensors, "next_class")
    presence = presence_of(unseen)
    place = np.array([np.abs(BOXES - box).sum(1).argmin() for box in unseen.boxes])
    of_object = np.log(CLASS_OF_TYPE[:, unseen.column] * PLACE_OF_CLASS[unseen.column, place])
    of_type = TYPES[:, None] * np.exp([np.bincount(unseen.scene, row, len(unseen)) for row in of_object])
    share = (of_type / of_type.sum(0)).T @ CLASS_OF_TYPE
    share[unseen.scene, unseen.column] = 0
    truth = (share / share.sum(1, keepdims=True))[:, 1:]
    objects = np.diff(unseen.offsets)[:, None]
    asked = (presence == 0) & (objects > 0) & (objects < 3)  # with more objects, training has seen no further one
    answer = next_class.predict_proba(presence, unseen)[0]
    assert np.corrcoef(answer[asked], truth[asked])[0, 1] > 0.8
    assert np.abs(answer - truth)[asked].mean() < 0.06


def test_soft_evidence_is_between_the_certain_ones(model):
    """A kite in doubt tells less about a bed than a kite that is certain."""
    boxes = BOXES[[1, 1]]

    def bed(certainty):
        objects = SceneObjects(
            np.array([0, 2]), np.array([4, 4]), boxes, np.zeros(2, bool), np.full(2, certainty, np.float32),
            np.array([[WIDTH, HEIGHT]], np.float32), CLASSES,
        )  # fmt: skip
        return model.log_odds(np.array([[0, 0, 0, certainty]], np.float32), objects)[0, 0, 0]

    assert bed(1.0) < bed(0.1) < bed(0.001)
