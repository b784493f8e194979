"""The model of the true distribution is chosen, and its likelihood is what enumeration gives."""

import numpy as np
import pytest

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.models.families import frequency
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.selection import select
from contextual_anomaly.scenes import Scenes

WEIGHT, PROBABILITY = np.array([0.5, 0.5]), np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.7]])
CLASSES = ("a", "b", "c")


def test_the_true_distribution_is_chosen():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 4000)
    counts = (rng.random((4000, 3)) < PROBABILITY[kind]).astype(np.uint16)
    data = TrainingData(Scenes(np.arange(4000), counts, CLASSES, (1, 2, 3), "mixture of two"))
    alone = frequency.fit(data, "frequency", frequency.Settings(family="frequency"), 1).model
    wrong = Oracle("wrong", CLASSES, WEIGHT, PROBABILITY[:, ::-1])
    right = Oracle("right", CLASSES, WEIGHT, PROBABILITY)
    best, table = select([alone, wrong, right], data)
    assert best is right
    assert table["model"].tolist() == ["right", "frequency", "wrong"]

    def joint(scene):
        return (WEIGHT * np.where(scene, PROBABILITY, 1 - PROBABILITY).prod(1)).sum()

    expected = []
    for scene in counts[::5] > 0:
        flipped = [np.where(np.arange(3) == c, ~scene, scene) for c in range(3)]
        expected.append(sum(np.log(joint(scene) / (joint(scene) + joint(other))) for other in flipped))
    assert table["log_likelihood"][0] == pytest.approx(np.mean(expected), rel=1e-5)
    assert table["images"].tolist() == [800] * 3
