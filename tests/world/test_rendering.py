"""Rendered images: a pictogram of the right class in every box, before the background of the place."""

import json

import cv2
import numpy as np
import pytest

from contextual_anomaly.commands.world_images import world_images
from contextual_anomaly.errors import UserError
from contextual_anomaly.world.contact_sheets import COLUMNS, pictogram_sheet
from contextual_anomaly.world.pictograms import pictogram, variants
from contextual_anomaly.world.rendering import render_scene, sample_ground, sample_looks
from contextual_anomaly.world.sprites import make_sprites


@pytest.fixture(scope="module")
def sprites(world):
    return make_sprites(world)


@pytest.fixture(scope="module")
def folder(annotations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "val2017"
    world_images(annotations[1], folder, count=20, seed=0)
    return folder


def test_any_two_pictograms_differ_clearly(world):
    """Seen at 24 pixels in all their colours; mean difference of shape and colour over the whole square."""
    seen = [[pictogram(n, 24, 24, v).astype(int).ravel() for v in range(variants(n))] for n in world.classes]
    for first in range(80):
        for second in range(first):
            assert min(abs(a - b).mean() for a in seen[first] for b in seen[second]) > 8


def test_colours_differ_but_not_the_shape(world):
    for name in world.classes:
        shapes = np.stack([pictogram(name, 48, 48, variant) for variant in range(variants(name))])
        assert (shapes[..., 3] == shapes[0, ..., 3]).all()
        assert len(np.unique(shapes.reshape(len(shapes), -1), axis=0)) == variants(name)
    assert np.mean([variants(name) for name in world.classes]) > 2


def scene(sprites, place, columns, boxes, seed=7):
    rng = np.random.default_rng(seed)
    background, front = sample_ground(sprites, place, rng)
    looks = sample_looks(sprites, np.array(columns, int), np.random.default_rng(1))
    box = np.array(boxes, float).reshape(-1, 4)
    return render_scene(sprites, background, np.array(columns, int), box, looks, rng, front).astype(int)


def test_an_object_changes_the_pixels_of_its_box_and_no_other(sprites):
    rng = np.random.default_rng(0)
    empty = scene(sprites, "park", [], [])
    for column in range(80):
        x, y = rng.integers(0, 160), rng.integers(0, 120)
        w, h = rng.integers(8, 160), rng.integers(8, 120)
        changed = (empty != scene(sprites, "park", [column], [[x, y, w, h]])).any(2)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        assert x <= columns[0] <= x + 2 + 0.06 * w
        assert x + w - 3 - 0.06 * w <= columns[-1] <= x + w - 1
        assert y <= rows[0] <= y + 2 + 0.06 * h
        assert y + h - 3 - 0.06 * h <= rows[-1] <= y + h - 1


def test_small_objects_lie_in_front_whatever_the_order(sprites, world):
    box = np.array([[20.0, 20, 40, 40], [0, 0, 320, 240]])
    columns = np.array([world.classes.index("bus"), world.classes.index("bed")])
    one, other = (scene(sprites, "street", columns[order], box[order]) for order in ([0, 1], [1, 0]))
    alone = scene(sprites, "street", columns[:1], box[:1])
    bus = pictogram("bus", 40, 40)[..., 3] == 255
    for drawn in (one, other):
        same = abs(drawn[20:60, 20:60] - alone[20:60, 20:60]).max(2) < 60
        assert same[bus].mean() > 0.5  # the bus is seen, in one of its colours


def test_a_counter_hides_what_stands_behind_it_and_carries_what_stands_on_it(sprites, world):
    box = [[100, 130, 80, 100]]
    empty = scene(sprites, "kitchen", [], [])
    changed = {
        name: (scene(sprites, "kitchen", [world.classes.index(name)], box) != empty).any(2) for name in ("oven", "cup")
    }
    assert changed["oven"][135:155].any()
    assert not changed["oven"][165:].any()
    assert changed["cup"][200:228].any()


def test_every_place_has_its_own_background(sprites, world):
    assert set(sprites.backgrounds) == set(world.places)
    empty = np.stack([sprites.backgrounds[place][0] for place in world.places]).reshape(len(world.places), -1)
    for first in range(len(empty)):
        for second in range(first):
            assert abs(empty[first].astype(int) - empty[second]).mean() > 8


def test_the_contact_sheet_shows_every_class(world):
    sheet = pictogram_sheet(world)
    rows, columns = 80 // COLUMNS, COLUMNS
    cells = sheet.reshape(rows, sheet.shape[0] // rows, columns, sheet.shape[1] // columns, 3).swapaxes(1, 2)
    for cell in cells.reshape(80, *cells.shape[2:]):
        assert len(np.unique(cell[:66].reshape(-1, 3), axis=0)) > 5


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


def test_refuses_images_without_a_place(annotations, tmp_path):
    content = json.loads(annotations[1].read_text())
    for image in content["images"]:
        del image["place"]
    (tmp_path / "other.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="a place of the synthetic world"):
        world_images(tmp_path / "other.json", tmp_path / "val2017", count=1, seed=0)
