"""The oracle that sees boxes, against the oracle of scenes, which is tested by enumeration, and that of classes."""

import numpy as np
import pytest

from contextual_anomaly.models import registry
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.families.oracle_with_boxes import OracleWithBoxes
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.models.synthetic.scene_oracle import SceneOracle
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.log_odds import expit
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import load_world

IMAGES = 60


@pytest.fixture(scope="module")
def world():
    return load_world()


@pytest.fixture(scope="module")
def model(world):
    return OracleWithBoxes("o", tuple(name for name in world.classes if name != "person"), world)


@pytest.fixture(scope="module")
def sampled(world):
    found = sample_objects(world, IMAGES, np.random.default_rng(3))
    return SceneObjects(
        offsets=np.searchsorted(found.image, np.arange(IMAGES + 1)),
        column=found.column,
        boxes=found.box.astype(np.float32),
        crowd=np.zeros(len(found.image), bool),
        certainty=np.ones(len(found.image), np.float32),
        sizes=np.tile(np.float32([WIDTH, HEIGHT]), (IMAGES, 1)),
        classes=world.classes,
    )


def presence_of(model, objects):
    there = np.zeros((len(objects), len(objects.classes)), np.float32)
    there[objects.scene, objects.column] = 1
    return there[:, model.targets]


def test_whole_scenes_have_the_answers_of_the_oracle_of_scenes(world, model, sampled):
    oracle = SceneOracle(world, sampled.scene, sampled.column, sampled.boxes.astype(float), len(sampled))
    answer = expit(model.log_odds(presence_of(model, sampled), sampled)[0])
    np.testing.assert_allclose(answer, oracle.presence_probability()[:, model.targets], rtol=1e-3, atol=1e-7)
    log = model.object_log_probabilities(sampled)[0]
    np.testing.assert_allclose(np.exp(log), oracle.class_probability(), rtol=1e-4, atol=1e-7)


def test_the_scale_of_an_image_changes_nothing(model, sampled):
    presence = presence_of(model, sampled)
    double = SceneObjects(**{**vars(sampled), "boxes": 2 * sampled.boxes, "sizes": 2 * sampled.sizes})
    np.testing.assert_allclose(model.log_odds(presence, double), model.log_odds(presence, sampled), atol=1e-3)


def test_a_removed_class_leaves_nothing_of_its_objects(model, sampled):
    """As if they had never been there."""
    presence = presence_of(model, sampled)
    gone = presence.argmax(1)
    presence[np.arange(len(gone)), gone] = 0
    kept = sampled.column != model.targets[gone][sampled.scene]
    fewer = SceneObjects(
        offsets=np.searchsorted(sampled.scene[kept], np.arange(IMAGES + 1)),
        **{name: getattr(sampled, name)[kept] for name in ("column", "boxes", "crowd", "certainty")},
        sizes=sampled.sizes,
        classes=sampled.classes,
    )
    np.testing.assert_allclose(model.log_odds(presence, sampled), model.log_odds(presence, fewer), atol=1e-5)


@pytest.mark.parametrize("certain", [True, False])
def test_without_boxes_it_is_the_oracle_of_classes(world, model, sampled, certain):
    presence = presence_of(model, sampled)
    if not certain:
        presence = np.random.default_rng(0).random(presence.shape).astype(np.float32) * presence
    of_classes = Oracle("c", model.classes, world.weight, world.probability[:, model.targets])
    np.testing.assert_allclose(model.log_odds(presence), of_classes.log_odds(presence), atol=2e-3)


def test_an_added_class_without_objects_is_known_to_be_present_and_no_more(world, sampled):
    """All objects lose their boxes: what is left is the oracle of all classes."""
    model = OracleWithBoxes("o", world.classes, world)
    presence = presence_of(model, sampled)
    presence[np.arange(IMAGES), np.arange(IMAGES) % 80] = 1
    blank = SceneObjects(**{**vars(sampled), "boxes": np.full_like(sampled.boxes, np.nan)})
    of_classes = Oracle("c", world.classes, world.weight, world.probability)
    np.testing.assert_allclose(model.log_odds(presence, blank), of_classes.log_odds(presence), atol=2e-3)


def test_is_stored_and_restored(model, sampled, tmp_path):
    registry.save(model, tmp_path / "o.safetensors")
    restored = registry.load_model(tmp_path / "o.safetensors")
    presence = presence_of(model, sampled)
    np.testing.assert_array_equal(restored.log_odds(presence, sampled), model.log_odds(presence, sampled))
