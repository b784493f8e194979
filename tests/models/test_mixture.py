"""EM against its own definition: likelihood never falls, the world's types are found, the size is chosen by likelihood."""

import itertools

import numpy as np
import pytest

from contextual_anomaly.models.data import distinct
from contextual_anomaly.models.families import mixture


@pytest.fixture(scope="module")
def fitted(data):
    settings = mixture.Settings(family="mixture", components=[1, 3], seeds=[0, 1, 2], steps=200, smoothing=0.1)
    return mixture.fit(data, "m", settings, 2)


def test_the_held_out_images_choose_the_size(fitted):
    history = fitted.history
    assert len(fitted.model.variants) == 3
    assert fitted.model.weight.shape == (3, 3)
    first = history[history["seed"] == 0].set_index("components")["val_loss"]
    assert first[3] < first[1]


def test_the_worlds_scene_types_are_found(fitted, world):
    weight, share = world
    best = fitted.history.dropna().sort_values("loss")["seed"].iloc[0]
    m = [variant.seed for variant in fitted.model.variants].index(best)
    order = min(
        itertools.permutations(range(3)), key=lambda o: np.abs(fitted.model.probability[m][list(o)] - share).sum()
    )
    np.testing.assert_allclose(fitted.model.weight[m][list(order)], weight, atol=0.06)
    np.testing.assert_allclose(fitted.model.probability[m][list(order)], share, atol=0.08)


def test_the_loss_is_the_likelihood_scene_by_scene(fitted, data):
    row = fitted.history.iloc[-1]
    m = [variant.seed for variant in fitted.model.variants].index(row["seed"])
    total = 0.0
    for x in data.held_out_presence:
        p = np.where(x, fitted.model.probability[m], 1 - fitted.model.probability[m]).prod(1)
        total -= np.log(fitted.model.weight[m] @ p)
    assert row["val_loss"] == pytest.approx(total / len(data.held_out_presence), rel=1e-5)


def test_scene_types_are_named_by_what_tells_them(fitted):
    types = fitted.model.scene_types()
    assert types.groupby("seed")["share"].sum().to_numpy() == pytest.approx(1)
    assert any(name.startswith(("knife", "fork")) for name in types["classes"])


def test_distinct_scenes_stand_for_all(data):
    scenes, counts = distinct(data.presence)
    assert counts.sum() == len(data.presence)
    rows, wanted = np.unique(data.presence, axis=0, return_counts=True)
    found = dict(zip(map(tuple, scenes.tolist()), counts.tolist(), strict=True))
    assert found == dict(zip(map(tuple, rows.tolist()), wanted.tolist(), strict=True))
