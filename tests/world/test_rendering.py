"""Rendered images: a sprite of the right class in every box."""

import json

import cv2
import numpy as np
import pytest

from contextual_anomaly.commands.world_images import world_images
from contextual_anomaly.errors import UserError
from contextual_anomaly.world.rendering import render_scene, sprite_pyramid
from contextual_anomaly.world.sprites import sprites


@pytest.fixture(scope="module")
def images(world):
    return sprites(world)


@pytest.fixture(scope="module")
def ready(images):
    return sprite_pyramid(images)


@pytest.fixture(scope="module")
def folder(annotations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "val2017"
    world_images(annotations[1], folder, count=20, seed=0)
    return folder


def test_any_two_sprites_differ_clearly(images):
    """Seen at 24 pixels; mean difference of the colours over the whole square."""
    small = np.stack([cv2.resize(p, (24, 24), interpolation=cv2.INTER_AREA) for p in images]).astype(int)
    seen = np.where(small[..., 3:] > 127, small[..., :3], 128).reshape(80, -1)
    apart = abs(seen[:, None] - seen[None]).mean(2) + 1000 * np.eye(80)
    assert apart.min() > 8


def test_an_object_changes_the_pixels_of_its_box_and_no_other(ready):
    rng = np.random.default_rng(0)
    for column in range(80):
        x, y = rng.integers(0, 160), rng.integers(0, 120)
        w, h = rng.integers(8, 160), rng.integers(8, 120)
        draw = lambda c, b: render_scene(ready, c, b, 320, 240, np.random.default_rng(7))  # noqa: E731
        empty = draw(np.array([], int), np.empty((0, 4)))
        full = draw(np.array([column]), np.array([[x, y, w, h]], float))
        changed = (empty.astype(int) != full).any(2)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        assert x <= columns[0] <= x + 2 + 0.06 * w
        assert x + w - 3 - 0.06 * w <= columns[-1] <= x + w - 1
        assert y <= rows[0] <= y + 2 + 0.06 * h
        assert y + h - 3 - 0.06 * h <= rows[-1] <= y + h - 1


def test_small_objects_lie_in_front_whatever_the_order(images, ready):
    box = np.array([[20.0, 20, 40, 40], [0, 0, 320, 240]])
    columns = np.array([5, 9])
    for order in ([0, 1], [1, 0]):
        drawn = render_scene(ready, columns[order], box[order], 320, 240, np.random.default_rng(1))
        sprite = cv2.resize(images[5], (40, 40), interpolation=cv2.INTER_AREA)
        opaque = sprite[..., 3] == 255
        seen = drawn[20:60, 20:60].astype(float)[opaque].ravel()
        # Light scales the colours and grain blurs them; the image stays the sprite's.
        assert np.corrcoef(seen, sprite[..., :3][opaque].ravel())[0, 1] > 0.9


def test_renders_the_annotated_images_of_the_lowest_ids(folder, annotations):
    content = json.loads(annotations[1].read_text())
    wanted = sorted({a["image_id"] for a in content["annotations"]})[:20]
    assert sorted(p.name for p in folder.glob("*.jpg")) == [f"{i:012d}.jpg" for i in wanted]
    for path in folder.glob("*.jpg"):
        assert cv2.imread(str(path)).shape == (240, 320, 3)


def test_same_seed_same_bytes_and_old_images_go(folder, annotations, tmp_path):
    again = tmp_path / "val2017"
    world_images(annotations[1], again, count=25, seed=1)
    other = (again / "000000000001.jpg").read_bytes()
    world_images(annotations[1], again, count=20, seed=0)
    assert {p.name for p in again.iterdir()} == {p.name for p in folder.iterdir()}
    for path in folder.glob("*.jpg"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    assert (again / "000000000001.jpg").read_bytes() != other


def test_refuses_annotations_of_another_world(instances, write_json, tmp_path):
    with pytest.raises(UserError, match="not the synthetic world's 80"):
        world_images(write_json(instances), tmp_path / "val2017", count=1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["instances.json"]


def test_never_removes_a_folder_of_other_files(annotations, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="give another folder"):
        world_images(annotations[1], tmp_path, count=1, seed=0)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
