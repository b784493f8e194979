"""ObjectGeometry of a hand-made image, and in the order that they are asked for."""

import numpy as np
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.object_geometry import FEATURES, features_of_boxes, geometry_features, read_object_geometry


def images(width=100):
    return pa.table(
        [[4, 9], ["4.jpg", "9.jpg"], [width, 200], [50, 100], ["", ""], ["", ""], [None] * 2], schema=tables.IMAGES
    )


OBJECTS = pa.table(
    [[4, 4, 9], [1, 1, 3], [0.0, 50, 20], [0.0, 25, 0], [50.0, 10, 100], [25.0, 10, 100], [1.0] * 3, [False] * 3, [1, 2, 3], [None] * 3],
    schema=tables.ANNOTATIONS,
)  # fmt: skip


def test_boxes_are_summed_up_by_image_and_class(tmp_path):
    table = geometry_features(OBJECTS, images())
    rows = table.to_pandas()
    assert rows[["image_id", "category_id", "count"]].to_numpy().tolist() == [[4, 1, 2], [9, 3, 1]]
    first = rows.iloc[0]
    assert first["largest"] == pytest.approx(np.sqrt(0.5 * 0.5))
    assert first["smallest"] == pytest.approx(np.sqrt(0.1 * 0.2))
    assert first["width"] == pytest.approx((0.5 + 0.1) / 2)
    assert first["height"] == pytest.approx((0.5 + 0.2) / 2)
    assert first["center_y"] == pytest.approx(((0.25 - 0.5) + (0.6 - 0.5)) / 2)
    assert first["off_center"] == pytest.approx((0.25 + 0.05) / 2)

    tables.write_table(table, tables.OBJECT_GEOMETRY, tmp_path / "l.parquet")
    named = pa.table([[1, 2, 3], ["a", "b", "c"], ["x"] * 3, [None] * 3], schema=tables.CATEGORIES)
    tables.write_table(named, tables.CATEGORIES, tmp_path / "c.parquet")
    dense = read_object_geometry(tmp_path / "l.parquet", tmp_path / "c.parquet").dense(np.array([9, 7, 4]))
    assert dense.shape == (3, 3, 1 + len(FEATURES))
    np.testing.assert_array_equal(dense[..., 0], [[0, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert dense[2, 0, 1] == pytest.approx(np.log(3))
    assert dense[0, 2, 2] == pytest.approx(np.sqrt(0.5 * 1.0))


def test_objects_of_an_image_without_a_size_count_and_have_no_geometry():
    of_unknown, other = geometry_features(OBJECTS, images(width=0)).to_pylist()
    assert (of_unknown["image_id"], of_unknown["count"]) == (4, 2)
    assert of_unknown["largest"] is of_unknown["width"] is of_unknown["off_center"] is None
    assert other["largest"] == pytest.approx(np.sqrt(0.5))


def test_an_object_without_a_box_counts_and_says_nothing_of_size_and_place(tmp_path):
    columns = OBJECTS.to_pydict()
    for side in ("x", "y", "width", "height"):
        columns[side][1:] = [None, None]
    table = geometry_features(pa.table(columns, schema=tables.ANNOTATIONS), images())
    both, alone = table.to_pylist()
    assert (both["count"], both["largest"], both["smallest"]) == (2, pytest.approx(0.5), pytest.approx(0.5))
    assert (alone["count"], alone["largest"], alone["center_y"]) == (1, None, None)


def test_one_image_has_the_features_of_the_table_of_many(tmp_path):
    rng = np.random.default_rng(0)
    of_class, size = rng.integers(0, 3, 20), (100, 50)
    boxes = (rng.random((20, 4)) * [90, 40, 30, 20]).astype(np.float32)
    ids = pa.array(range(1, 21))
    columns = [pa.array([4] * 20), pa.array(of_class + 1), *boxes.T, [1.0] * 20, [False] * 20, ids, [None] * 20]
    objects = pa.table(columns, schema=tables.ANNOTATIONS)
    tables.write_table(geometry_features(objects, images()), tables.OBJECT_GEOMETRY, tmp_path / "l.parquet")
    named = pa.table([[1, 2, 3, 4], ["a", "b", "c", "d"], ["x"] * 4, [None] * 4], schema=tables.CATEGORIES)
    tables.write_table(named, tables.CATEGORIES, tmp_path / "c.parquet")
    of_many = read_object_geometry(tmp_path / "l.parquet", tmp_path / "c.parquet").dense(np.array([4]))[0]
    np.testing.assert_allclose(features_of_boxes(of_class, list(boxes), size, 4), of_many, atol=1e-6)


def test_one_image_of_unknown_size_or_without_boxes_has_counts_alone():
    column = np.array([0, 0, 1, -1])
    boxes = [(0, 0, 5, 5), None, None, (0, 0, 5, 5)]
    known, unknown = (features_of_boxes(column, boxes, size, 3) for size in ((10, 10), None))
    assert known[0, 1] == pytest.approx(np.log(3))
    assert known[0, 2] == known[0, 3] == pytest.approx(0.5)  # the object without a box does not count for its size
    assert np.isnan(known[1, 2:]).all()
    assert not known[2].any()
    np.testing.assert_array_equal(unknown[:, :2], known[:, :2])
    assert np.isnan(unknown[:2, 2:]).all()
