"""Objects one by one: from tables, by image, and what they say of classes is what the object geometry says."""

import numpy as np
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.object_geometry import geometry_features, read_object_geometry
from contextual_anomaly.scene_objects import BOX_FEATURES, read_geometry, read_image_objects, stack_scenes


@pytest.fixture
def files(tmp_path):
    """Tables of four images: of one the size is not known, one has no objects, an object has no box, one is a crowd."""
    rng = np.random.default_rng(0)
    images = pa.table(
        [[3, 4, 6, 9], list("abcd"), [640, 0, 300, 200], [480, 0, 400, 100], [""] * 4, [""] * 4, [None] * 4],
        schema=tables.IMAGES,
    )
    image = np.sort(rng.choice([3, 4, 9], 30))
    boxes = rng.uniform(1, 90, (4, 30)).astype(np.float32).tolist()
    for side in boxes:
        side[2] = side[29] = None
    rows = [
        image,
        rng.choice([1, 5, 7], 30).astype(np.int32),
        *boxes,
        [1.0] * 30,
        [n == 4 for n in range(30)],
        list(range(30)),
        [None] * 30,
    ]
    annotations = pa.table(rows, schema=tables.ANNOTATIONS)
    categories = pa.table([[1, 5, 7], ["a", "b", "c"], ["x"] * 3, [None] * 3], schema=tables.CATEGORIES)
    for name, table, schema in (
        ("annotations", annotations, tables.ANNOTATIONS),
        ("images", images, tables.IMAGES),
        ("categories", categories, tables.CATEGORIES),
        ("geometry", geometry_features(annotations, images), tables.OBJECT_GEOMETRY),
    ):
        tables.write_table(table, schema, tmp_path / name)
    return tmp_path


def objects_of(files):
    return read_image_objects(files / "annotations", files / "images", files / "categories")


def test_classes_are_summed_up_as_by_the_object_geometry(files):
    ids = np.array([9, 3, 5, 4, 6])
    expected = read_object_geometry(files / "geometry", files / "categories").dense(ids)
    np.testing.assert_allclose(objects_of(files).of(ids).dense(), expected, atol=1e-6)
    np.testing.assert_array_equal(read_geometry(ids, files / "geometry", files / "categories"), expected)
    one_by_one = read_geometry(ids, None, files / "categories", files / "annotations", files / "images")
    np.testing.assert_allclose(one_by_one.dense(), expected, atol=1e-6)


def test_scenes_are_taken_as_rows_of_an_array(files):
    objects = objects_of(files).objects
    assert len(objects) == 4
    lengths = np.diff(objects.offsets)
    for rows in (slice(1, 4), np.array([3, 0, 0]), np.array([True, False, False, True])):
        some = objects[rows]
        np.testing.assert_array_equal(np.diff(some.offsets), lengths[rows])
        np.testing.assert_array_equal(some.sizes, objects.sizes[rows])
        np.testing.assert_array_equal(some.dense(), objects.dense()[rows])
    again = stack_scenes([objects[[n]] for n in range(4)])
    for name in ("offsets", "column", "boxes", "crowd", "certainty", "sizes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(objects, name))
    np.testing.assert_array_equal(objects[np.array([0, 0, 3, 2, 2])].as_before(), [True, False, False, True])


def test_features_of_a_box_by_hand(files):
    objects = objects_of(files).objects[[0]]
    box = np.array([[64, 120, 320, 120]], np.float32)
    one = type(objects)(
        np.array([0, 1]),
        objects.column[:1],
        box,
        objects.crowd[:1],
        objects.certainty[:1],
        objects.sizes,
        ("a", "b", "c"),
    )
    expected = {
        "center_x": 224 / 640 - 0.5, "center_y": 180 / 480 - 0.5, "log_width": np.log(0.5), "log_height": np.log(0.25),
        "log_aspect": np.log(320 / 120), "log_size": np.log(np.sqrt(320 * 120)), "bottom": 240 / 480 - 0.5,
        "log_image_aspect": np.log(640 / 480),
    }  # fmt: skip
    np.testing.assert_allclose(one.box_features()[0], [expected[name] for name in BOX_FEATURES], atol=1e-6)
    assert np.isnan(objects_of(files).objects[[1]].box_features()).all()  # an image of unknown size
