"""Encoding: counts by hand, and the real COCO figures."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contextual_anomaly import scenes, tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.data import TrainingData


def annotation_table(image_ids, category_ids):
    n = len(image_ids)
    ones = np.ones(n, np.float32)
    return pa.table(
        [
            np.array(image_ids),
            np.array(category_ids, np.int32),
            *[ones] * 5,
            np.zeros(n, bool),
            np.arange(n),
            pa.nulls(n, pa.string()),
        ],
        schema=tables.ANNOTATIONS,
    )


CATEGORIES = pa.table([[1, 5, 9], ["person", "cup", "fork"], ["", "", ""], [None] * 3], schema=tables.CATEGORIES)


def test_counts_by_hand(tmp_path):
    annotations = annotation_table([2, 2, 2, 4, 4, 8, 9], [1, 5, 9, 9, 9, 5, 1])
    encoded = scenes.count_instances(annotations, CATEGORIES, "toy")
    assert encoded.image_ids.tolist() == [2, 4, 8, 9]
    assert encoded.counts.tolist() == [[1, 1, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]
    filtered = encoded.without("person").of_at_least(2)
    assert filtered.image_ids.tolist() == [2]
    assert (filtered.classes, filtered.category_ids) == (("cup", "fork"), (5, 9))
    assert filtered.counts.tolist() == [[1, 1]]
    rows = scenes.class_counts("val", annotations, CATEGORIES, encoded, filtered)
    assert [(row["name"], row["images"], row["instances"], row["scenes"]) for row in rows] == [
        ("person", 2, 2, 0), ("cup", 2, 2, 1), ("fork", 2, 3, 1),
    ]  # fmt: skip
    scenes.write_scenes(encoded, tmp_path / "s.parquet")
    back = scenes.read_scenes(tmp_path / "s.parquet")
    np.testing.assert_array_equal(back.counts, encoded.counts)
    np.testing.assert_array_equal(back.image_ids, encoded.image_ids)
    assert (back.classes, back.category_ids, back.dataset) == (encoded.classes, encoded.category_ids, "toy")


def test_what_is_held_out_stays_with_the_scenes(tmp_path):
    annotations = annotation_table(np.repeat(np.arange(12), 2), np.tile([5, 9], 12))
    encoded = scenes.encode_split("train", annotations, CATEGORIES, "toy", False, 2, held_out_every=4)
    scenes.write_scenes(encoded.filtered, tmp_path / "s.parquet")
    back = scenes.read_scenes(tmp_path / "s.parquet")
    assert back.held_out_every == back.where(np.arange(8)).held_out_every == back.without("fork").held_out_every == 4
    assert np.flatnonzero(TrainingData(back).held_out).tolist() == [0, 4, 8]
    # Files of earlier versions do not say: the original's fifth.
    table = pq.read_table(tmp_path / "s.parquet")
    about = {key: value for key, value in table.schema.metadata.items() if key != b"held_out_every"}
    pq.write_table(table.replace_schema_metadata(about), tmp_path / "old.parquet")
    assert np.flatnonzero(TrainingData(scenes.read_scenes(tmp_path / "old.parquet")).held_out).tolist() == [0, 5, 10]


def test_no_image_left():
    with pytest.raises(UserError, match="minimum_classes"):
        scenes.count_instances(annotation_table([2, 4], [5, 9]), CATEGORIES, "toy").of_at_least(2)


def test_tables_that_are_not_sorted():
    encoded = scenes.count_instances(annotation_table([8, 2, 8, 2], [9, 5, 9, 1]), CATEGORIES, "toy")
    assert encoded.image_ids.tolist() == [2, 8]
    assert encoded.counts.tolist() == [[1, 1, 0], [0, 0, 2]]


def test_not_a_scenes_table(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "s.parquet")
    with pytest.raises(UserError, match="'counts'"):
        scenes.read_scenes(tmp_path / "s.parquet")
    (tmp_path / "t.parquet").write_text("not parquet")
    with pytest.raises(UserError, match="not a readable Parquet"):
        scenes.read_scenes(tmp_path / "t.parquet")


@pytest.mark.coco
@pytest.mark.parametrize(("split", "images"), [("val2017", {2: 2971, 3: 1709, 5: 601}), ("train2017", {2: 70321})])
def test_the_known_image_counts_of_coco(shared_coco, split, images):
    boxes = pq.read_table(shared_coco / "annotations" / f"{split}_boxes.parquet")
    rows = json.loads((shared_coco / "annotations" / "categories.json").read_text())
    categories = pa.table(
        [
            [r["category_id"] for r in rows],
            [r["name"] for r in rows],
            [r["supercategory"] for r in rows],
            [None] * len(rows),
        ],
        schema=tables.CATEGORIES,
    )
    annotations = annotation_table(boxes["image_id"].to_numpy(), boxes["category_id"].to_numpy())
    encoded = scenes.count_instances(annotations, categories, "coco").without("person").of_at_least(2)
    assert len(encoded.classes) == 79
    present = (encoded.counts > 0).sum(1)
    assert {n: int((present >= n).sum()) for n in images} == images
