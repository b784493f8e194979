"""COCO JSON in: against pycocotools on good files, by name on bad ones."""

import json

import pytest
from pycocotools.coco import COCO

from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.errors import UserError
from contextual_anomaly.scenes import count_instances


def test_columns_of_a_hand_made_file(write_json, instances):
    annotations, images, categories = read_instances(write_json(instances))
    assert annotations.to_pydict() == {
        "image_id": [3, 7, 7],
        "category_id": [44, 18, 44],
        "x": [0, 10.5, 1],
        "y": [0, 20, 2],
        "width": [5, 30, 3],
        "height": [6, 40, 4.25],
        "area": [15.5, 600, 12.75],  # no area given: the box's
        "iscrowd": [True, False, False],
    }
    assert images["image_id"].to_pylist() == [3, 5, 7]
    assert images["coco_url"].to_pylist() == ["", "", "http://x/7.jpg"]
    assert categories["name"].to_pylist() == ["dog", "bottle"]


@pytest.mark.parametrize("layout", [{"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}])
def test_any_valid_layout_reads_the_same_as_pycocotools(write_json, instances, layout):
    path = write_json(json.dumps(instances, **layout))
    annotations, images, _ = read_instances(path)
    theirs = COCO(str(path))
    rows = zip(
        *(annotations[c].to_pylist() for c in ("image_id", "category_id", "x", "y", "width", "height")), strict=True
    )
    expected = ((a["image_id"], a["category_id"], *a["bbox"]) for a in theirs.anns.values())
    assert sorted(rows) == sorted(expected)
    assert set(images["image_id"].to_pylist()) == set(theirs.imgs)


def without(key):
    return lambda d: d.pop(key)


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(d):
        for step in path:
            d = d[step]
        d[last] = value

    return change


BAD = {
    "no images": (without("images"), "`images`"),
    "images are text": (put("images", "none"), "images"),
    "unknown image": (put("annotations", 1, "image_id", 99), "record 1 (id 2): image_id 99"),
    "unknown category": (put("annotations", 2, "category_id", 5), "record 2 (id 3): category_id 5"),
    "annotation id twice": (put("annotations", 2, "id", 1), "records 0 and 2 have the same id 1"),
    "image id twice": (put("images", 1, "id", 7), "images records 0 and 1 have the same id 7"),
    "category id twice": (put("categories", 1, "id", 44), "categories records 0 and 1"),
    "category name twice": (put("categories", 1, "name", "bottle"), "'bottle'"),
    "NaN": (put("annotations", 0, "bbox", [1, 2, 3, float("nan")]), "not valid JSON"),
    "null in a box": (put("annotations", 0, "bbox", [1, 2, 3, None]), "annotations record 0, field bbox[3]"),
    "three numbers": (put("annotations", 0, "bbox", [1, 2, 3]), "annotations record 0, field bbox"),
    "text as id": (put("annotations", 0, "image_id", "7"), "annotations record 0, field image_id"),
    "image of no width": (put("images", 0, "width", 0), "images record 0, field width"),
    "empty split": (put("annotations", []), "annotations is empty"),
    "no image at all": (put("images", []), "images is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_records_are_named(write_json, instances, case):
    change, message = BAD[case]
    change(instances)
    path = write_json(instances)
    with pytest.raises(UserError) as error:
        read_instances(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "box", [[296.65, 388.33, 1.03, 0.0], [1, 2, 0, 4], [1, 2, 3, -4], [1, 2, 1e39, 4], [1, 2, 1e-60, 4]]
)
def test_an_object_whose_box_has_no_size_counts_for_its_class(write_json, instances, capsys, box):
    """Two boxes of COCO's own instances_train2017.json are so (cocodataset/cocoapi issue 355)."""
    instances["annotations"][1]["bbox"] = box
    path = write_json(instances)
    annotations, _, categories = read_instances(path)
    row = annotations.to_pylist()[0]
    assert (row["image_id"], row["category_id"]) == (3, 44)
    assert [row[side] for side in ("x", "y", "width", "height")] == [None] * 4
    assert row["area"] == 15.5
    scenes = count_instances(annotations, categories, "small")
    assert scenes.counts.tolist() == [[0, 1], [1, 1]]
    said = capsys.readouterr().err
    assert "1 of 3 objects have a box without a size" in said
    assert "annotations record 1 (id 2): bbox" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("[1, 2]", "not a COCO annotation file"),
        ('{"images": [{', "cut off"),
        ("\x89PNG", "not valid JSON"),
    ],
)
def test_not_a_coco_file(write_json, text, message):
    with pytest.raises(UserError, match=message):
        read_instances(write_json(text))


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_instances(tmp_path / "instances_train2017.json")
