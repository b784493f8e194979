"""A small world whose scenes have types, and the data that a family learns from."""

import numpy as np
import pytest

from contextual_anomaly.models.data import TrainingData
from contextual_anomaly.object_geometry import FEATURES, ObjectGeometry
from contextual_anomaly.scenes import Scenes

CLASSES = ("bed", "book", "cat", "cup", "fork", "knife")


@pytest.fixture(scope="session")
def world() -> tuple[np.ndarray, np.ndarray]:
    """Weights and presence probabilities of three scene types over six classes."""
    share = np.array(
        [[0.8, 0.6, 0.5, 0.05, 0.03, 0.02], [0.02, 0.05, 0.1, 0.7, 0.8, 0.9], [0.1, 0.7, 0.1, 0.6, 0.1, 0.1]]
    )
    return np.array([0.5, 0.3, 0.2]), share


@pytest.fixture(scope="session")
def data(world) -> TrainingData:
    """4,000 scenes of it, with object_geometry over the six classes and a seventh that is not asked for."""
    weight, share = world
    rng = np.random.default_rng(0)
    counts = (rng.random((4000, 6)) < share[rng.choice(3, 4000, p=weight)]).astype(np.uint16)
    scenes = Scenes(np.arange(4000), counts, CLASSES, tuple(range(2, 8)), "small")
    there = np.column_stack([rng.random(4000) < 0.5, counts > 0])
    image, column = np.nonzero(there)
    values = rng.random((len(image), len(FEATURES))).astype(np.float32)
    ids = tuple(range(1, 8))
    object_geometry = ObjectGeometry(image, np.array(ids, np.int32)[column], values, ("person", *CLASSES), ids)
    return TrainingData(scenes, object_geometry)
