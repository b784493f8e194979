"""Scenes sampled in pieces."""

import numpy as np

from contextual_anomaly.world import sampling
from contextual_anomaly.world.scene_types import load_world


def test_pieces_change_no_object(monkeypatch):
    world = load_world()
    whole = sampling.sample_objects(world, 500, np.random.default_rng(3))
    monkeypatch.setattr(sampling, "IMAGES_AT_A_TIME", 64)
    pieces = sampling.sample_objects(world, 500, np.random.default_rng(3))
    for name in ("scene_type", "image", "column", "box"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))
