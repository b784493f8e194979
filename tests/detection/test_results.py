"""Results of any detector: read in each form, and every mistake in them named at once."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.commands.read_detections import read_detections
from contextual_anomaly.detection.detections import read_detections as read_tables
from contextual_anomaly.errors import UserError

CATEGORIES = {1: "person", 3: "car", 18: "dog"}
BOXES = [
    # image, class, box, score
    (9, 3, [10, 20, 30, 40], 0.5),
    (7, 18, [0, 0, 5.5, 6], 0.25),
    (9, 3, [50, 20, 30, 40], 0.75),
    (9, 1, [10, 20, 3, 40], 0.75),
]


@pytest.fixture
def read(tmp_path):
    """A function that reads a file of results of the images 7, 8 (named "b") and 9; it gives the three tables."""
    images = pd.DataFrame({"image_id": [7, 8, 9], "file_name": ["7.jpg", "8.jpg", "9.jpg"]})
    images = images.assign(width=100, height=80, coco_url="", flickr_url="", original_id=[None, "b", None])
    tables.write_frame(images, tables.IMAGES, tmp_path / "images.parquet")
    categories = pd.DataFrame({"category_id": list(CATEGORIES), "name": list(CATEGORIES.values())})
    categories = categories.assign(supercategory="", original_id=None)
    tables.write_frame(categories, tables.CATEGORIES, tmp_path / "categories.parquet")

    def of(path, **options):
        made = [tmp_path / name for name in ("val.parquet", "scores.parquet", "report.csv")]
        read_detections(path, tmp_path / "images.parquet", tmp_path / "categories.parquet", *made, **options)
        return read_tables(*made)

    return of


def _coco(boxes=BOXES):
    return [dict(zip(("image_id", "category_id", "bbox", "score"), box, strict=True)) for box in boxes]


def _frame(width="width", height="height"):
    rows = [(image, category, *box, score) for image, category, box, score in BOXES]
    return pd.DataFrame(rows, columns=["image_id", "category_id", "x", "y", width, height, "score"])


def _write(form, folder):
    path = folder / f"results.{form}"
    if form == "json":
        path.write_text(json.dumps(_coco()))
    elif form == "csv":
        _frame().to_csv(path, index=False)
    elif form == "parquet":
        _frame("w", "h").to_parquet(path)
    return path


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_each_form_gives_the_tables_of_a_detector(read, tmp_path, form):
    found = read(_write(form, tmp_path))
    assert found.detections.to_pylist() == [
        {"image_id": 7, "category_id": 18, "score": 0.25, "x": 0, "y": 0, "width": 5.5, "height": 6},
        {"image_id": 9, "category_id": 3, "score": 0.75, "x": 50, "y": 20, "width": 30, "height": 40},
        {"image_id": 9, "category_id": 1, "score": 0.75, "x": 10, "y": 20, "width": 3, "height": 40},
        {"image_id": 9, "category_id": 3, "score": 0.5, "x": 10, "y": 20, "width": 30, "height": 40},
    ]
    # An image without a box counts.
    assert found.class_scores["image_id"].to_pylist() == [7, 8, 9]
    np.testing.assert_array_equal(
        tables.matrix(found.class_scores["score"]), np.float32([[0, 0, 0.25], [0, 0, 0], [0.75, 0.75, 0]])
    )
    assert found.report["status"].tolist() == ["run"] * 3
    assert json.loads(found.metadata["classes"]) == list(CATEGORIES.values())


def test_a_table_of_detect_is_matched_by_the_names_of_its_classes(read, tmp_path):
    rows = pd.DataFrame([(7, 0, 0.5, 1, 2, 3, 4), (7, 1, 0.4, 1, 2, 3, 4)], columns=tables.DETECTIONS.names)
    named = {"classes": json.dumps(["dog", "car"]), "category_ids": "[0, 1]"}
    tables.write_frame(rows, tables.DETECTIONS, tmp_path / "other.parquet", named)
    assert read(tmp_path / "other.parquet").detections["category_id"].to_pylist() == [18, 3]


def test_only_the_covered_images_count(read, tmp_path, write_json):
    found = read(_write("json", tmp_path), covered=write_json([8, 7], "ids.json"))
    assert found.class_scores["image_id"].to_pylist() == [7, 8]
    assert found.detections["image_id"].to_pylist() == [7]
    assert found.report["status"].tolist() == ["run", "run", "absent"]
    with pytest.raises(UserError, match=r"ids.json: 1 of 2 ids are not among the images of the split, the first: 10"):
        read(_write("json", tmp_path), covered=write_json([8, 10], "ids.json"))


def test_ids_that_are_text_are_the_owners(read, write_json):
    results = _coco([("b", "3", [1, 2, 3, 4], "0.5")])
    assert read(write_json(results)).detections["image_id"].to_pylist() == [8]


WRONG = [
    (10, 3, [1, 2, 3, 4], 0.5),
    (7, 4, [1, 2, 3, 4], 0.5),
    (7, 3, [1, 2, 3], 0.5),
    (7, 3, [1, 2, 0, 4], 0.5),
    (7, 3, [1, 2, 3, 4], None),
    (9, 3, [10, 20, 30, 40], 0.5),
]


def test_what_is_wrong_is_left_out_and_named(read, write_json, caplog):
    mixed = [*_coco([*BOXES, *WRONG]), "no record"]
    with caplog.at_level("INFO"):
        assert len(read(write_json(mixed, "results.json")).detections) == len(BOXES)
    for line in (
        "image_unknown (1 at record 4): image_id 10: left out; not among the images of the split",
        "category_unknown (1 at record 5): category_id 4: left out; not among the classes of the data set",
        "box_not_four_numbers (1 at record 6): x [1, 2, 3], y None, width None, height None: left out; four finite",
        "box_without_size (1 at record 7): x 1, y 2, width 0, height 4: left out",
        "score_missing (1 at record 8): score None: left out",
        "box_twice (1 at record 9): image_id 9, category_id 3: left out",
        "no_record (1 at record 10): no record: left out",
    ):
        assert line in caplog.text
    with pytest.raises(UserError, match="not read, because reading is strict") as refused:
        read(write_json(mixed, "results.json"), strict=True)
    assert str(refused.value).count("\n") == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "results.json: neither JSON, Parquet nor a readable CSV table"),
        ("[1, ", "results.json: not valid JSON"),
        ("{}", "JSON that is no list and not results: COCO's results are accepted"),
        ('{"images": [], "annotations": []}', "annotations and not results"),
        ("[]", "no box is left"),
        (_coco([(7, 3, [1, 2, 3, 4], 97)]), "score_out_of_range (1 at record 0): score 97: scores from 0 to 1"),
        (_coco([(1, 3, [1, 2, 3, 4], 0.5)]), "image_unknown (1 at record 0)"),
        ("image_id,x,y,w,h\n7,1,2,3,4\n", "columns image_id, x, y, w, h: no category_id, score"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(read, tmp_path, write_json, content, message):
    with pytest.raises(UserError) as refused:
        read(write_json(content, "results.json"))
    assert message in str(refused.value)
    assert not (tmp_path / "val.parquet").exists()


def test_a_damaged_parquet_is_named(read, tmp_path):
    path = _write("parquet", tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"results\.parquet: not a readable Parquet file"):
        read(path)


def test_columns_may_be_of_other_types(read, tmp_path):
    table = pa.table({name: pa.array(_frame()[name].astype(str)) for name in _frame().columns})
    pa.parquet.write_table(table, tmp_path / "text.parquet")
    assert len(read(tmp_path / "text.parquet").detections) == len(BOXES)
