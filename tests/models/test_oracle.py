"""The oracle against brute-force enumeration of a small mixture, and against frequencies of sampled scenes."""

import itertools

import numpy as np
import pytest

from contextual_anomaly.commands.world_oracle import world_oracle
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.scenes import Scenes, write_scenes
from contextual_anomaly.world.scene_types import load_world

CLASSES = ("a", "b", "c", "d", "e")


@pytest.fixture
def mixture() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.dirichlet(np.ones(3)), rng.uniform(0.02, 0.98, (3, 5))


def joint(weight, probability) -> dict[tuple[int, ...], float]:
    """P(scene) of all 32 scenes, one product at a time."""
    return {
        scene: sum(
            w * np.prod([p if x else 1 - p for p, x in zip(row, scene, strict=True)])
            for w, row in zip(weight, probability, strict=True)
        )
        for scene in itertools.product((0, 1), repeat=5)
    }


def with_class(scene, c, value) -> tuple[int, ...]:
    return (*scene[:c], value, *scene[c + 1 :])


def test_equals_enumeration_of_the_mixture(mixture):
    whole = joint(*mixture)
    answer = Oracle("o", CLASSES, *mixture).predict_proba(np.array(list(whole)))[0]
    for (n, scene), c in itertools.product(enumerate(whole), range(5)):
        yes, no = whole[with_class(scene, c, 1)], whole[with_class(scene, c, 0)]
        assert answer[n, c] == pytest.approx(yes / (yes + no), abs=1e-6)


def test_fractional_evidence_is_virtual_evidence(mixture):
    """Brute force over all scenes, each weighed by how likely its presences make the evidence."""
    whole = joint(*mixture)
    evidence = np.array([0.9, 0.2, 0.5, 0.0, 1.0])
    answer = Oracle("o", CLASSES, *mixture).predict_proba(evidence[None])[0, 0]
    for c in range(5):
        weighed = [0.0, 0.0]
        for scene, p in whole.items():
            others = [e if x else 1 - e for e, x in zip(evidence, scene, strict=True)]
            weighed[scene[c]] += p * np.prod(np.delete(others, c))
        assert answer[c] == pytest.approx(weighed[1] / sum(weighed), abs=1e-6)


def test_almost_sharp_evidence_gives_the_answer_of_sharp_evidence(mixture):
    model = Oracle("o", CLASSES, *mixture)
    x = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 1]], float)
    np.testing.assert_allclose(model.predict_proba(abs(x - 1e-9)), model.predict_proba(x), atol=1e-6)


def test_an_entry_does_not_look_at_its_own_class(mixture):
    model = Oracle("o", CLASSES, *mixture)
    x = np.random.default_rng(0).integers(0, 2, (20, 5)).astype(float)
    for c in range(5):
        other = x.copy()
        other[:, c] = 1 - other[:, c]
        np.testing.assert_allclose(
            model.predict_proba(other)[0, :, c], model.predict_proba_toggled(x)[0, :, c], rtol=1e-5
        )


def write_world(folder, classes, images=50):
    counts = np.ones((images, len(classes)), np.uint16)
    write_scenes(Scenes(np.arange(images), counts, classes, tuple(range(len(classes))), "world"), folder / "s.parquet")
    return folder / "s.parquet"


def test_is_calibrated_on_sampled_scenes(tmp_path):
    """Of the (scene, class) pairs given about q, a share q is present: checked in ten bins of the real world."""
    world = load_world()
    classes = tuple(name for name in world.classes if name != "person")
    world_oracle(write_world(tmp_path, classes), tmp_path / "oracle.safetensors", tmp_path / "c.parquet")
    model = load_model(tmp_path / "oracle.safetensors")
    assert model.classes == classes
    rng = np.random.default_rng(1)
    columns = [world.classes.index(c) for c in model.classes]
    types = rng.choice(len(world.weight), 20_000, p=world.weight)
    x = rng.random((20_000, 79)) < world.probability[:, columns][types]
    answer = model.predict_proba(x)[0]
    bins = np.minimum((answer * 10).astype(int), 9)
    for b in range(10):
        inside = bins == b
        share, said, n = x[inside].mean(), answer[inside].mean(), inside.sum()
        assert n > 200
        assert abs(share - said) < 4 * np.sqrt(said * (1 - said) / n) + 2e-3, f"bin {b}"


def test_answers_for_the_classes_of_the_scenes(tmp_path):
    world_oracle(write_world(tmp_path, ("person", "cat")), tmp_path / "o.safetensors", tmp_path / "c.parquet")
    assert load_model(tmp_path / "o.safetensors").classes == ("person", "cat")
    with pytest.raises(UserError, match="the synthetic world, which has no class 'unicorn'"):
        world_oracle(write_world(tmp_path, ("cat", "unicorn")), tmp_path / "x.safetensors", tmp_path / "x.parquet")
    assert not (tmp_path / "x.safetensors").exists()


def test_refuses_a_probability_of_one():
    with pytest.raises(UserError, match="strictly between 0 and 1"):
        Oracle("o", ("a",), np.ones(1), np.ones((1, 1)))
