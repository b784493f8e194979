"""Explanations add up, and are Shapley's values by his own definition: an average over all orders."""

import itertools
import json

import numpy as np
import pytest

from contextual_anomaly.models import registry, shapley
from contextual_anomaly.models.base import Variant, log_odds_of_subsets
from contextual_anomaly.models.explanation import PLAYERS, explain
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.families.ensemble import Ensemble
from contextual_anomaly.models.families.masked import Masked
from contextual_anomaly.models.families.mixture import Mixture
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.families.pairwise import Pairwise
from contextual_anomaly.object_geometry import FEATURES


def test_values_are_the_average_over_all_orders():
    worth = np.random.default_rng(0).normal(size=2**4)
    sets = shapley.coalitions(4)
    found = shapley.values(worth[None], 4)[0]
    for player in range(4):
        gains = []
        for order in itertools.permutations(range(4)):
            before = order[: order.index(player)]
            mask = np.isin(np.arange(4), before)
            without = worth[(sets == mask).all(1).argmax()]
            mask[player] = True
            gains.append(worth[(sets == mask).all(1).argmax()] - without)
        assert found[player] == pytest.approx(np.mean(gains))
    assert found.sum() == pytest.approx(worth[-1] - worth[0])


@pytest.mark.parametrize("family", ["naive_bayes", "pairwise", "mixture", "masked"])
def test_base_attributions_and_rest_add_up_to_the_log_odds(data, family):
    settings = {"mixture": {"components": [3], "seeds": [0]}, "masked": {"units": 8, "seeds": [0], "epochs": 1}}
    chosen = registry.read_settings(json.dumps({"family": family, **settings.get(family, {})}))
    model = registry.fit(data, "m", chosen, 1).model
    presence = data.held_out_presence[:50]
    target = np.arange(50) % 6
    found = explain(model, 0, presence, target)
    exact = model.log_odds(presence)[0][np.arange(50), target]
    np.testing.assert_allclose(found.base + found.attributions.sum(1) + found.rest, exact, atol=1e-4)
    there = presence > 0
    there[np.arange(50), target] = False
    assert not found.attributions[~there].any()
    if family != "mixture":  # there the absent classes have their say in the rest
        np.testing.assert_allclose(found.rest, 0, atol=1e-4)


def test_a_mixtures_attributions_leave_out_what_is_not_looked_at(world):
    """Brute force: the log-odds given some classes alone, averaged over all orders in which they are looked at."""
    weight, share = world
    model = Oracle("o", tuple("abcdef"), weight, share)
    x = np.array([1, 0, 1, 1, 0, 0], float)
    target = 5

    def worth(players):
        like = weight.copy()
        for player in players:
            like = like * ((1 - share[:, [1, 4]]).prod(1) if player == "rest" else share[:, player])
        return np.log(like @ share[:, target]) - np.log(like @ (1 - share[:, target]))

    players = (0, 2, 3, "rest")
    found = explain(model, 0, x[None], np.array([target]))
    for player in (0, 2, 3):
        gains = [
            worth([*order[: order.index(player)], player]) - worth(order[: order.index(player)])
            for order in itertools.permutations(players)
        ]
        assert found.attributions[0, player] == pytest.approx(np.mean(gains), abs=1e-6)
    assert found.base[0] == pytest.approx(worth([]), abs=1e-6)


def test_the_text_names_the_weightiest_first(world):
    model = Oracle("o", ("bed", "book", "cat", "cup", "fork", "knife"), *world)
    text = explain(model, 0, np.array([[0, 0, 0, 1, 1, 0.0]]), np.array([5])).text(0, model.classes)
    assert text.startswith("fork +")
    assert "cup +" in text


CLASSES = tuple("abcdefghijkl")


@pytest.fixture(scope="module")
def families() -> dict:
    """A model of each family that answers for subsets in its own way, of random numbers, and one that does not."""
    rng = np.random.default_rng(0)
    c, width, units = len(CLASSES), len(FEATURES), 6
    weights = rng.normal(size=(c, c)) * (1 - np.eye(c))
    shapes = {
        "encoder": (2, c + 1, 1 + width, units),
        "encoder_bias": (2, units),
        "blocks": (2, 1, units, units),
        "block_bias": (2, 1, units),
        "decoder": (2, units, c),
        "decoder_bias": (2, c),
    }
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    typical = {"mean": rng.random((c + 1, width)), "scale": np.ones(width)}
    pairwise = Pairwise("p", CLASSES, rng.normal(size=c), weights, rng.normal(size=(4, c)))
    mixture = Mixture("x", CLASSES, [0, 1], np.full((2, 3), 1 / 3), rng.uniform(0.05, 0.95, (2, 3, c)))
    masked = Masked("m", CLASSES, [0, 1], ("person", *CLASSES), {**typical, **tensors})
    layers = {"encoder": (1, c, 3), "encoder_bias": (1, 3), "decoder": (1, 3, c), "decoder_bias": (1, c)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in layers.items()}
    autoencoder = Autoencoder("a", CLASSES, (Variant(3, 0),), weights, leave_one_out=True)
    estimators = [pairwise, mixture, masked, autoencoder]
    ensemble = Ensemble("e", CLASSES, estimators, np.array([0.4, 0.3, 0.5, 0.2]), -0.5)
    return {model.name: model for model in [*estimators, ensemble]}


def a_scene(present: int, soft: bool) -> tuple[np.ndarray, np.ndarray]:
    """Presence [C] of some classes, and geometry [A, G] of these and of a person."""
    rng = np.random.default_rng(present)
    presence = np.zeros(len(CLASSES), np.float32)
    presence[rng.choice(len(CLASSES), present, replace=False)] = rng.uniform(0.3, 1, present) if soft else 1
    there = np.append(True, presence > 0)
    features = np.where(there[:, None], rng.random((len(CLASSES) + 1, len(FEATURES))), 0)
    return presence, np.column_stack([there, features]).astype(np.float32)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", list("pxmae"))
def test_subsets_are_answered_as_scenes_are(families, name, soft):
    model = families[name]
    presence, geometry = a_scene(5, soft)
    subsets = np.random.default_rng(1).random((20, len(CLASSES))) < 0.5
    targets = np.array([2, 7])
    subsets[:, targets] = False
    found = log_odds_of_subsets(model, presence, subsets, targets, geometry)
    scenes = np.where(subsets, presence, 0).astype(np.float32)
    exact = model.log_odds(scenes, np.repeat(geometry[None], 20, axis=0))[:, :, targets]
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("present", [0, 1, 3, 8, 10])
def test_an_ensembles_attributions_are_the_average_over_all_orders(families, present, soft):
    """Brute force, scene by scene: answers about one scene together and alone, and more classes than get a value."""
    model = families["e"]
    presence, geometry = a_scene(present, soft)
    targets = np.append(np.flatnonzero(presence), np.flatnonzero(presence == 0)[:2])
    together = explain(
        model, 0, np.repeat(presence[None], len(targets), 0), targets, np.repeat(geometry[None], len(targets), 0)
    )
    for row, target in enumerate(targets.tolist()):
        alone = explain(model, 0, presence[None], np.array([target]), geometry[None])
        np.testing.assert_allclose(together.attributions[row], alone.attributions[0], atol=1e-4)
        others = [c for c in np.flatnonzero(presence).tolist() if c != target]
        single = np.vstack([np.zeros(len(CLASSES)), np.eye(len(CLASSES))]).astype(np.float32)
        on_its_own = model.log_odds(single)[0, :, target]
        players = sorted(others, key=lambda c: -abs(on_its_own[c + 1] - on_its_own[0]))[:PLAYERS]
        always = [c for c in others if c not in players]
        sets = [set(some) for k in range(len(players) + 1) for some in itertools.combinations(players, k)]
        scenes = np.array([[v if c in some or c in always else 0 for c, v in enumerate(presence)] for some in sets])
        worth = model.log_odds(scenes.astype(np.float32), np.repeat(geometry[None], len(sets), 0))[0, :, target]
        known = {frozenset(some): value for some, value in zip(sets, worth.tolist(), strict=True)}
        gains = {player: [] for player in players}
        for order in itertools.permutations(players):
            for place, player in enumerate(order):
                gains[player].append(known[frozenset(order[: place + 1])] - known[frozenset(order[:place])])
        for player in players:
            assert alone.attributions[0, player] == pytest.approx(np.mean(gains[player]), abs=1e-4)
        assert alone.base[0] == pytest.approx(known[frozenset()], abs=1e-4)
        assert alone.log_odds[0] == pytest.approx(known[frozenset(players)], abs=1e-4)
        assert alone.base[0] + alone.attributions[0].sum() + alone.rest[0] == pytest.approx(alone.log_odds[0])
        assert not alone.attributions[0, [c for c in range(len(CLASSES)) if c not in players]].any()
