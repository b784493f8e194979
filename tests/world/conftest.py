"""Small annotation files of the synthetic world."""

from pathlib import Path

import pytest

from contextual_anomaly.world.scene_types import World, load_world


@pytest.fixture(scope="session")
def world() -> World:
    return load_world()


@pytest.fixture(scope="session")
def annotations(tmp_path_factory) -> tuple[Path, Path]:
    """Paths of a training split of 6,000 and a validation split of 60 images."""
    from contextual_anomaly.commands.world_annotations import world_annotations

    folder = tmp_path_factory.mktemp("annotations")
    train, val = folder / "instances_train2017.json", folder / "instances_val2017.json"
    world_annotations(train, val, train_images=6000, val_images=60, seed=3)
    return train, val
