"""The published protocol against a plain loop written from its description; test_coco.py has the published figures."""

import numpy as np
import pytest
from scipy import special

from contextual_anomaly.experiments import published
from contextual_anomaly.models.base import Variant

CLASSES = 24
FREQUENCY = np.random.default_rng(0).permutation(CLASSES) + 1.0  # class c is the FREQUENCY[c]-th rarest


class Reconstruction:
    """A model whose reconstruction is a function of presence [N, C]."""

    family, name, classes = "test", "test", tuple("abcdefghijklmnopqrstuvwx")

    def __init__(self, function, variants):
        self.function = function
        self.variants = (Variant(3, 0),) * variants

    def predict_proba(self, presence, geometry=None):
        return np.stack([self.function(presence)] * len(self.variants)).astype(np.float32)

    def predict_proba_toggled(self, presence, geometry=None):
        result = np.empty((len(self.variants), *presence.shape), np.float32)
        for c in range(presence.shape[1]):
            changed = presence.copy()
            changed[:, c] = 1 - changed[:, c]
            result[:, :, c] = self.predict_proba(changed)[:, :, c]
        return result

    def log_odds(self, presence, geometry=None):
        return special.logit(self.predict_proba(presence))

    def state(self):
        return {}, {}


def model_of(function, variants=1):
    return Reconstruction(function, variants)


@pytest.fixture
def presence():
    rng = np.random.default_rng(3)
    return (rng.random((60, CLASSES)) < rng.uniform(0.05, 0.4, (60, 1))).astype(np.float32)


@pytest.fixture
def random_net():
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(CLASSES, 6)), rng.normal(size=(6, CLASSES))
    # Copies its input to a degree, as trained ones do, so that some images pass the filter of removal.
    return lambda x: 1 / (1 + np.exp(-(6 * x - 3 + 0.4 * np.maximum(x @ first, 0) @ second)))


def outcomes(model, presence, draws=4):
    return {o.experiment: o for o in published.outcomes(model, presence, FREQUENCY, draws, n_resamples=50, seed=9)}


def test_all_four_parts_equal_a_loop_over_images_and_classes(presence, random_net):
    done = outcomes(model_of(random_net), presence)
    found = {name: np.zeros(4) for name in done}
    trials = {name: np.zeros(4) for name in done}

    def output(x):
        return random_net(x[None])[0]

    for draw in range(4):
        positions = {}
        for name, count in (("inject_20_least_common_label", 19), ("inject_any", CLASSES)):
            positions[name] = np.random.default_rng([9, draw]).choice(count, 10, replace=False)
        rarest = [list(FREQUENCY).index(place) for place in range(1, 21)]
        positions["inject_20_rarest"] = np.random.default_rng([9, draw]).choice(rarest, 10, replace=False)
        for name, drawn in positions.items():
            for x in presence:
                if x.sum() < 3:
                    continue
                for c in drawn:
                    if x[c]:
                        continue
                    changed = x.copy()
                    changed[c] = 1
                    trials[name][draw] += 1
                    found[name][draw] += output(changed)[c] < 0.5
    for name in positions:
        np.testing.assert_array_equal(done[name].trials, trials[name])
        np.testing.assert_array_equal(done[name].found, found[name])

    eligible = [x for x in presence if x.sum() >= 5 and (np.abs(x - output(x)) <= 0.5).all()]
    assert eligible  # or the next lines would test nothing
    np.testing.assert_array_equal(done["remove"].trials, 5 * len(eligible))
    # Which five classes is random: each draw lies between taking the five best and the five worst of every image.
    seen = [sorted(_without(x, c, output)[c] > 0.25 for c in np.flatnonzero(x)) for x in eligible]
    least, most = sum(sum(s[:5]) for s in seen), sum(sum(s[-5:]) for s in seen)
    assert (done["remove"].found >= least).all()
    assert (done["remove"].found <= most).all()
    every = [x for x in presence if x.sum() >= 5]
    assert len(every) > len(eligible)
    np.testing.assert_array_equal(done["remove_all_images"].trials, 5 * len(every))
    seen = [sorted(_without(x, c, output)[c] > 0.25 for c in np.flatnonzero(x)) for x in every]
    least, most = sum(sum(s[:5]) for s in seen), sum(sum(s[-5:]) for s in seen)
    assert (done["remove_all_images"].found >= least).all()
    assert (done["remove_all_images"].found <= most).all()
    assert (done["remove_most"].trials == sum(x.sum() >= 5 for x in presence)).all()
    assert (done["inject_most_unexpected"].trials == len(presence)).all()


def _without(x, c, output):
    changed = x.copy()
    changed[c] = 0
    return output(changed)


def test_a_model_that_expects_nothing_finds_every_injection_and_no_removal(presence):
    """The published measure has no false-alarm term, so expecting nothing is perfect at it."""
    done = outcomes(model_of(np.zeros_like), presence)
    for name in published.POSITIONS:
        assert (done[name].found == done[name].trials).all()
        assert (done[name].trials > 0).all()
    assert not done["remove"].trials.any()  # no image is reconstructed
    assert done["remove_all_images"].trials.all()
    assert not done["remove_all_images"].found.any()


def test_a_model_that_copies_finds_nothing(presence):
    done = outcomes(model_of(lambda x: x), presence)
    assert all(not done[name].found.any() for name in published.POSITIONS)
    assert done["remove"].trials.any()
    assert not done["remove"].found.any()


def test_a_model_that_knows_the_scene_finds_the_one_that_differs_most():
    """Every image shows classes 0 to 4 and the model says so, whatever it is given."""
    scene = np.zeros((30, CLASSES), np.float32)
    scene[:, 20:] = scene[:, 5] = 1
    truth = scene[0] * 0.9
    done = outcomes(model_of(lambda x: np.broadcast_to(truth, x.shape)), scene)
    for name in ("inject_most_unexpected", "inject_most_anomalous_outright", "remove_most"):
        assert (done[name].found == 30).all()


def test_variants_are_tried_with_the_same_draws(presence, random_net):
    done = list(published.outcomes(model_of(random_net, variants=2), presence, FREQUENCY, 3, n_resamples=10, seed=1))
    for name in {o.experiment for o in done}:
        first, second = (o for o in done if o.experiment == name)
        np.testing.assert_array_equal(first.found, second.found)
        assert (first.low, first.high) == (second.low, second.high)
