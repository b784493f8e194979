"""The families with a closed form against enumeration, and against scikit-learn."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from contextual_anomaly.models.families import chow_liu, ease, naive_bayes, pairwise


@pytest.fixture(scope="module")
def share(data):
    """Of each pair, the share of images that hold both; of each class alone on the diagonal."""
    presence = data.presence.astype(float)
    return presence.T @ presence / len(presence)


def test_naive_bayes_is_bayes_rule_with_independent_others(data, share):
    model = naive_bayes.fit(data, "m", naive_bayes.Settings(family="naive_bayes", smoothing=1e-6), 1).model
    x = np.array(list(itertools.product((0, 1), repeat=6)), float)
    own = np.diag(share)
    for c in range(6):
        given, without = share[c] / own[c], (own - share[c]) / (1 - own[c])
        given[c] = without[c] = 0.5  # itself, which says nothing
        terms = np.log(np.where(x, given, 1 - given)) - np.log(np.where(x, without, 1 - without))
        wanted = np.log(own[c] / (1 - own[c])) + terms.sum(1)
        np.testing.assert_allclose(model.log_odds(x)[0, :, c], wanted, atol=5e-3)


def test_the_tree_answers_as_the_joint_distribution_of_a_tree(data, share):
    """Chain rule from class 0 along the edges that it chose, enumerated over all 64 scenes."""
    model = chow_liu.fit(data, "m", chow_liu.Settings(family="chow_liu", smoothing=1e-6), 1).model
    edges = {tuple(sorted(edge)) for edge in np.argwhere(model.weights)}
    assert len(edges) == 5
    own = np.diag(share)
    scenes = np.array(list(itertools.product((0, 1), repeat=6)))

    def pair(i, j, a, b):
        both = share[i, j]
        return {(1, 1): both, (1, 0): own[i] - both, (0, 1): own[j] - both, (0, 0): 1 - own[i] - own[j] + both}[a, b]

    joint = {}
    for x in scenes:
        alone = [own[i] if x[i] else 1 - own[i] for i in range(6)]
        joint[tuple(x)] = np.prod(alone) * np.prod([pair(i, j, x[i], x[j]) / alone[i] / alone[j] for i, j in edges])
    assert sum(joint.values()) == pytest.approx(1)
    answer = model.log_odds(scenes)[0]
    for n, x in enumerate(scenes):
        for c in range(6):
            yes, no = (joint[(*x[:c], value, *x[c + 1 :])] for value in (1, 0))
            assert answer[n, c] == pytest.approx(np.log(yes / no), abs=5e-3)


def test_no_other_tree_has_more_mutual_information(data, share):
    model = chow_liu.fit(data, "m", chow_liu.Settings(family="chow_liu", smoothing=1e-6), 1).model
    own = np.diag(share)

    def information(i, j):
        joint = np.array(
            [[1 - own[i] - own[j] + share[i, j], own[j] - share[i, j]], [own[i] - share[i, j], share[i, j]]]
        )
        return (joint * np.log(joint / np.outer([1 - own[i], own[i]], [1 - own[j], own[j]]))).sum()

    def is_tree(edges):
        reached = {0}
        for _ in range(6):
            reached |= {b for a, b in [*edges, *[e[::-1] for e in edges]] if a in reached}
        return len(reached) == 6

    pairs = list(itertools.combinations(range(6), 2))
    best = max(
        (e for e in itertools.combinations(pairs, 5) if is_tree(e)), key=lambda e: sum(information(*p) for p in e)
    )
    assert {tuple(sorted(edge)) for edge in np.argwhere(model.weights)} == set(best)


def test_ease_is_ridge_regression_of_each_class_on_the_others(data):
    """Steck's closed form is what scikit-learn finds for each class without it, but for the scale of the scores."""
    model = ease.fit(data, "m", ease.Settings(family="ease", ridge=50.0), 1).model
    x = data.presence.astype(float)
    for c in range(6):
        others = np.delete(np.arange(6), c)
        coefficients = Ridge(alpha=50.0, fit_intercept=False).fit(x[:, others], x[:, c]).coef_
        weights = model.weights[others, c]
        np.testing.assert_allclose(
            weights / np.linalg.norm(weights), coefficients / np.linalg.norm(coefficients), atol=1e-5
        )
    presence = data.held_out_presence
    assert model.predict_proba(presence)[0].mean() == pytest.approx(presence.mean(), rel=0.02)


def test_pairwise_finds_the_terms_of_an_ising_model(data):
    """Sampled from known symmetric terms: found again, within what the sample allows."""
    rng = np.random.default_rng(0)
    terms = np.triu(rng.normal(size=(6, 6)), 1)
    terms += terms.T
    bias = rng.normal(-0.5, 0.3, 6)
    scenes = np.array(list(itertools.product((0, 1), repeat=6)), float)
    weight = np.exp(scenes @ bias + (scenes @ terms * scenes).sum(1) / 2)
    drawn = scenes[rng.choice(64, 30_000, p=weight / weight.sum())]
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.scenes import Scenes

    ids = tuple(range(6))
    sample = TrainingData(Scenes(np.arange(30_000), drawn.astype(np.uint16), tuple("abcdef"), ids, "ising"))
    settings = pairwise.Settings(family="pairwise", l2=0.01, max_scene_size=2, iterations=300)
    model = pairwise.fit(sample, "m", settings, 1).model
    exact = scenes @ terms + bias
    np.testing.assert_array_equal(model.weights, model.weights.T)
    likely = (scenes.sum(1) - scenes.T >= 2).T & (weight > np.median(weight))[:, None]
    assert np.abs(model.log_odds(scenes)[0] - exact)[likely].max() < 0.35
    assert np.corrcoef(model.log_odds(scenes)[0][likely], exact[likely])[0, 1] > 0.99


def test_pairwise_is_logistic_regression_where_symmetry_asks_for_nothing():
    """Two classes: P(a | b) from counts, which scikit-learn's unpenalised regression gives too."""
    from contextual_anomaly.models.data import TrainingData
    from contextual_anomaly.scenes import Scenes

    rng = np.random.default_rng(1)
    x = (rng.random((5000, 2)) < 0.4).astype(np.uint16)
    x[:, 1] |= x[:, 0] & (rng.random(5000) < 0.5)
    data = TrainingData(Scenes(np.arange(5000), x, ("a", "b"), (1, 2), "two"))
    model = pairwise.fit(data, "m", pairwise.Settings(family="pairwise", l2=1e-6, iterations=300), 1).model
    seen = data.presence
    for c in (0, 1):
        plain = LogisticRegression(C=np.inf).fit(seen[:, [1 - c]], seen[:, c])
        presence = np.array([[0, 0], [1, 1]], np.float32)
        np.testing.assert_allclose(
            model.log_odds(presence)[0, :, c], plain.decision_function(presence[:, [1 - c]]), atol=0.02
        )
