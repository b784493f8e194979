"""The exact answers about objects, against enumeration of a small world and against what sampling gives."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH, to_box, to_coordinates, to_top
from contextual_anomaly.models.synthetic.scene_oracle import SceneOracle, box_log_density, own_box_log_density
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import World, load_world

AT_MOST = 3  # objects of a class that the enumeration goes to


@pytest.fixture(scope="module")
def small() -> World:
    """Three classes, two scene types, each at a place of its own."""
    return World(
        category_ids=(1, 2, 3),
        classes=("cup", "fork", "kite"),
        supercategories=("kitchen", "kitchen", "sports"),
        weight=np.array([0.6, 0.4]),
        probability=np.array([[0.7, 0.5, 0.1], [0.2, 0.1, 0.8]]),
        places=("table", "beach"),
        place=np.array([0, 1]),
        mean_instances=np.array([1.5, 1.2, 2.0]),
        aspect=np.ones(3),
        support=("surface", "surface", "air"),
        span=np.broadcast_to([0.0, 1.0], (2, 3, 2)),
        box_mean=np.zeros((2, 3, 4)),
        box_root=np.broadcast_to(np.eye(4), (2, 3, 4, 4)).copy(),
    )


BOXES = np.array([[[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]], [[0.2, 0.2, 0.6], [0.3, 0.4, 0.3]]])
"""P(box | place, class) [place, box, class] of two boxes that an object can have; the third takes the rest."""


def share(place: int, box: int, column: int) -> float:
    return BOXES[place, box, column] if box < 2 else 1 - BOXES[place, :, column].sum()


def enumerate_scenes(world: World) -> Counter:
    """The probability of every set of (class, box), summed over all orders in which it can be sampled."""
    scenes: Counter = Counter()
    for kind, weight in enumerate(world.weight):
        of_class = []
        for column, there in enumerate(world.probability[kind]):
            ways = [((), 1 - there)]
            stop = 1 / world.mean_instances[column]
            for count in range(1, AT_MOST + 1):
                for boxes in itertools.product(range(3), repeat=count):
                    chance = np.prod([share(world.place[kind], box, column) for box in boxes])
                    ways.append((tuple((column, b) for b in boxes), there * stop * (1 - stop) ** (count - 1) * chance))
            of_class.append(ways)
        for parts in itertools.product(*of_class):
            objects = tuple(sorted(sum((part for part, _ in parts), ())))
            scenes[objects] += weight * np.prod([chance for _, chance in parts])
    return scenes


SCENES = [((0, 0),), ((0, 0), (0, 1), (1, 1)), ((0, 2), (1, 0), (2, 1)), ((2, 0), (2, 1)), ((0, 0), (0, 0), (2, 2))]


def oracle_of(world: World, scenes: list[tuple]) -> SceneOracle:
    image = np.repeat(np.arange(len(scenes)), [len(scene) for scene in scenes])
    column, box = np.array([entry for scene in scenes for entry in scene]).T
    density = np.array([[[share(p, b, c) for c in range(3)] for p in range(2)] for b in box])
    return SceneOracle.of_densities(world, image, column, np.log(density), len(scenes))


def test_class_of_an_object_by_enumeration(small):
    scenes = enumerate_scenes(small)
    found, row = oracle_of(small, SCENES).class_probability(), 0
    for scene in SCENES:
        for own in range(len(scene)):
            others = scene[:own] + scene[own + 1 :]
            # An object that is one of several alike could be any of them: each set counts once for each of its copies.
            chances = []
            for column in range(3):
                full = tuple(sorted((*others, (column, scene[own][1]))))
                chances.append(scenes[full] * full.count((column, scene[own][1])))
            np.testing.assert_allclose(found[row], np.array(chances) / sum(chances), rtol=1e-9)
            row += 1


def test_class_of_an_object_of_unknown_box_by_enumeration(small):
    scenes = enumerate_scenes(small)
    found, row = oracle_of(small, SCENES).class_probability(own_box=False), 0
    for scene in SCENES:
        for own in range(len(scene)):
            others = scene[:own] + scene[own + 1 :]
            chances = np.zeros(3)
            for column, box in itertools.product(range(3), range(3)):
                full = tuple(sorted((*others, (column, box))))
                chances[column] += scenes[full] * full.count((column, box))
            np.testing.assert_allclose(found[row], chances / chances.sum(), rtol=1e-9)
            row += 1


def test_presence_of_a_class_by_enumeration(small):
    scenes = enumerate_scenes(replace(small, mean_instances=np.array([1.0, 1.0, 1.0]) + 1e-12))
    single = [scene for scene in SCENES if len({c for c, _ in scene}) == len(scene)]
    found = oracle_of(replace(small, mean_instances=np.array([1.0, 1.0, 1.0]) + 1e-12), single).presence_probability()
    for row, scene in enumerate(single):
        for column in range(3):
            others = tuple(entry for entry in scene if entry[0] != column)
            present = sum(
                p for s, p in scenes.items() if tuple(e for e in s if e[0] != column) == others and s != others
            )
            assert found[row, column] == pytest.approx(present / (present + scenes[others]), rel=1e-6)


def test_probabilities_are_shares_of_sampled_objects(world):
    """Of objects that are given a class with probability 0.6 to 0.8, that share has it."""
    objects = sample_objects(world, 400, np.random.default_rng(8))
    oracle = SceneOracle(world, objects.image, objects.column, objects.box, 400)
    probability = oracle.class_probability()
    np.testing.assert_allclose(probability.sum(1), 1)
    right = np.zeros_like(probability)
    right[np.arange(len(right)), objects.column] = 1
    for low, high in ((0.05, 0.2), (0.2, 0.5), (0.5, 0.8)):
        inside = (probability > low) & (probability < high)
        error = np.sqrt((probability * (1 - probability))[inside].sum())
        assert abs((right - probability)[inside].sum()) < 4.5 * error
    presence = oracle.presence_probability()
    error = np.sqrt((presence * (1 - presence)).sum())
    assert abs((oracle.counts > 0).sum() - presence.sum()) < 4.5 * error


SPAN = np.array([0.4, 0.9])


def test_boxes_and_coordinates_say_the_same():
    coordinates = np.random.default_rng(0).normal(0, 1.5, (1000, 4))
    box = to_box(coordinates, np.tile(SPAN, (1000, 1)))
    assert (box[:, :2] >= 0).all()
    assert (box[:, :2] + box[:, 2:] <= [WIDTH, HEIGHT]).all()
    inside = (box[:, 2:] < [300, 220]).all(1) & (box[:, 2:] > 14).all(1)
    found = np.column_stack([to_coordinates(box), to_top(box, SPAN)[0]])
    np.testing.assert_allclose(found[inside], coordinates[inside], atol=0.05)
    small = box[:, 3] < 20
    assert (box[small, 1] + box[small, 3] >= SPAN[0] * HEIGHT - 0.01).all()  # nothing small is above the horizon


def test_a_box_outside_of_the_span_is_impossible():
    box = np.array([[10, 20.0, 30, 40], [10, 120, 30, 40]])
    top, change = to_top(box, np.array([[0.0, 1.0], SPAN]))
    assert np.isfinite(change).tolist() == [[True, False], [True, True]]
    assert np.isfinite(top).all()


def test_the_density_of_boxes_sums_to_one():
    """Of the share of the free height above a box, over all that it can be; for a normal coordinate by quadrature."""
    world = load_world()
    place, column = world.places.index("street"), world.classes.index("car")
    low, high = world.span[place, column]
    share = np.linspace(low, high, 4001)[1:-1]
    box = np.column_stack([np.full_like(share, 100.0), share * (HEIGHT - 60.0), *np.tile([[80.0], [60.0]], len(share))])
    of_all = np.exp(box_log_density(world, box)[:, place, column]).sum() * (high - low) / 4000
    # The marginal of width, height and left edge, from the normal distribution of SciPy.
    root = world.box_root[place, column]
    normal = multivariate_normal(world.box_mean[place, column][:3], (root @ root.T)[:3, :3])
    assert of_all == pytest.approx(normal.pdf(to_coordinates(box[:1])[0]), rel=1e-3)


def test_densities_of_the_own_class_are_those_of_all_classes():
    world = load_world()
    objects = sample_objects(world, 20, np.random.default_rng(3))
    of_all = box_log_density(world, objects.box)[np.arange(len(objects.box)), :, objects.column]
    np.testing.assert_allclose(own_box_log_density(world, objects.box, objects.column), of_all, rtol=1e-9)


@pytest.mark.parametrize("wrong", ["boxes", "places", "types", "companions"])
def test_no_other_model_is_above_the_oracle(wrong):
    """Models that take something else to be true lose, by the log score of 1,500 objects."""
    world = load_world()
    other = {
        "boxes": lambda: replace(world, box_mean=world.box_mean + 1),
        "places": lambda: replace(world, place=np.roll(world.place, 1)),
        "types": lambda: replace(world, weight=np.arange(64) ** 3 / (np.arange(64) ** 3).sum() + 1e-9),
        "companions": lambda: replace(world, probability=np.tile(world.weight @ world.probability, (64, 1))),
    }[wrong]()
    objects = sample_objects(world, 200, np.random.default_rng(12))
    each = np.arange(len(objects.image))
    score, others = (
        np.log(
            SceneOracle(model, objects.image, objects.column, objects.box, 200).class_probability()[
                each, objects.column
            ]
        )
        for model in (world, other)
    )
    loss = score - others
    assert loss.mean() > 2 * loss.std() / np.sqrt(len(loss))
