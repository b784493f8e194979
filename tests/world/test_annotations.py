"""The written COCO files, read by pycocotools and by our reader, against the world's own figures."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from scipy.special import logit
from scipy.stats import norm

from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.commands.world_annotations import world_annotations
from contextual_anomaly.models.synthetic.boxes import HEIGHT, SMALLEST, WIDTH
from contextual_anomaly.world.annotation_files import outline


@pytest.fixture(scope="module")
def table(annotations):
    return read_instances(annotations[0])


def test_pycocotools_reads_it_and_its_masks_fill_the_boxes(annotations):
    coco = COCO(annotations[1])
    assert len(coco.getImgIds()) == 60
    checked = coco.loadAnns(coco.getAnnIds())[:100]
    for annotation in checked:
        mask = coco.annToMask(annotation)
        x, y, w, h = annotation["bbox"]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert abs(columns[0] - x) <= 1.5
        assert abs(columns[-1] + 1 - x - w) <= 1.5
        assert abs(rows[0] - y) <= 1.5
        assert abs(rows[-1] + 1 - y - h) <= 1.5
        # The rasterised mask misses the exact area by less than the outline's length.
        assert abs(mask.sum() - annotation["area"]) < 2 * (w + h)
    assert len(checked) == 100


def test_categories_are_cocos_own(annotations):
    ours = {c["id"]: c for c in json.loads(annotations[1].read_text())["categories"]}
    assert len(ours) == 80
    assert ours[1] == {"supercategory": "person", "id": 1, "name": "person"}
    assert ours[90] == {"supercategory": "indoor", "id": 90, "name": "toothbrush"}
    assert 12 not in ours


def test_every_official_field_is_there(annotations):
    content = json.loads(annotations[1].read_text())
    assert set(content) == {"info", "licenses", "images", "annotations", "categories"}
    assert {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url"} <= set(content["images"][0])
    assert content["images"][0]["file_name"] == "000000000001.jpg"
    assert len({image["place"] for image in content["images"]}) > 5
    for annotation in content["annotations"]:
        assert {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"} == set(annotation)


def test_splits_share_no_image(annotations):
    ids = [{i["id"] for i in json.loads(p.read_text())["images"]} for p in annotations]
    assert len(ids[0]) == 6000
    assert not ids[0] & ids[1]


def test_boxes_lie_inside_and_can_be_seen(table):
    rows = table[0]
    x, y, w, h = (rows[c].to_numpy() for c in ("x", "y", "width", "height"))
    assert (x >= 0).all()
    assert (y >= 0).all()
    assert (x + w <= 320.001).all()
    assert (y + h <= 240.001).all()
    assert (np.minimum(w, h) >= 9.999).all()


def test_prevalence_of_classes_and_of_pairs_is_the_mixtures(table, world):
    """Shares of 6,000 images against Σ_k w_k p_kc and Σ_k w_k p_kc p_kd, within 4.5 standard errors."""
    rows, images, _ = table
    presence = np.zeros((len(images), 80), bool)
    image = np.searchsorted(images["image_id"].to_numpy(), rows["image_id"].to_numpy())
    presence[image, np.searchsorted(world.category_ids, rows["category_id"].to_numpy())] = True
    n = len(images)
    single = world.weight @ world.probability
    assert (abs(presence.mean(0) - single) < 4.5 * np.sqrt(single * (1 - single) / n)).all()
    pair = (world.weight[:, None] * world.probability).T @ world.probability
    seen = presence.T.astype(float) @ presence / n
    off = ~np.eye(80, dtype=bool) & (pair > 0.002)
    assert off.sum() > 300
    assert (abs(seen - pair)[off] < 4.5 * np.sqrt(pair * (1 - pair) / n)[off]).all()


def test_numbers_and_sizes_are_those_of_the_class(table, world):
    rows = table[0]
    category = rows["category_id"].to_numpy()
    for name in ("person", "chair", "bottle", "book"):
        column = world.classes.index(name)
        mine = category == world.category_ids[column]
        images = len(np.unique(rows["image_id"].to_numpy()[mine]))
        mean = world.mean_instances[column]
        spread = np.sqrt(mean * (mean - 1) / images)  # a geometric distribution's standard error
        assert abs(mine.sum() / images - mean) < 4.5 * spread
    # The median width of a class is that of its normal distributions, mixed over the places where it is.
    column = world.classes.index("dining table")
    width = rows["width"].to_numpy()[category == 67]
    share = world.weight * world.probability[:, column]
    mean, spread = (value[world.place, column, 0] for value in (world.box_mean, world.box_root[..., 0]))
    below = norm.cdf((logit((np.median(width) - SMALLEST) / (WIDTH - SMALLEST)) - mean) / spread)
    assert share @ below / share.sum() == pytest.approx(0.5, abs=0.05)


def test_supports_bound_how_high_small_objects_are(table, world):
    """Small cars stand below the horizon of the street, and kites fly above the meadow's."""
    rows = table[0]
    bottom = (rows["y"].to_numpy() + rows["height"].to_numpy()) / HEIGHT
    small = rows["height"].to_numpy() < 30
    cars = small & (rows["category_id"].to_numpy() == world.category_ids[world.classes.index("car")])
    assert bottom[cars].min() > world.span[:, world.classes.index("car"), 0].min()
    kites = small & (rows["category_id"].to_numpy() == world.category_ids[world.classes.index("kite")])
    assert np.median(bottom[kites]) < 0.5 < np.median(bottom[cars])


def test_outline_of_a_square_by_hand():
    polygon, area = outline(np.array([[10.0, 20.0, 100.0, 100.0]]))
    assert polygon[0].tolist()[:3] == [[39.0, 20.0], [81.0, 20.0], [110.0, 49.0]]
    assert area[0] == pytest.approx(100 * 100 - 4 * 29 * 29 / 2)


def test_same_seed_same_bytes(annotations, tmp_path):
    for name, seed in (("same", 3), ("other", 4)):
        world_annotations(tmp_path / f"{name}_t.json", tmp_path / f"{name}.json", 10, 60, seed)
    assert (tmp_path / "same.json").read_bytes() == annotations[1].read_bytes()
    assert (tmp_path / "other.json").read_bytes() != annotations[1].read_bytes()
