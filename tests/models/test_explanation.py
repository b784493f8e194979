"""Explanations add up, and are Shapley's values by his own definition: an average over all orders."""

import itertools
import json

import numpy as np
import pytest

from contextual_anomaly.models import registry, shapley
from contextual_anomaly.models.explanation import explain
from contextual_anomaly.models.families.oracle import Oracle


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
