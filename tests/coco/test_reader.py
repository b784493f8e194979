"""COCO JSON in: against pycocotools on good files, by name on bad ones."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO

from contextual_anomaly.coco.problems import ReadingReport
from contextual_anomaly.coco.reader import read_coco, read_instances
from contextual_anomaly.errors import UserError


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
        "annotation_id": [2, 1, 3],
        "original_id": [None] * 3,
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


UNUSABLE = {
    "no images": (without("images"), "images_missing (1): images is missing"),
    "images are text": (put("images", "none"), "images is 'none'"),
    "image id twice": (
        put("images", 1, "id", 7),
        "images '000000000007.jpg' and '000000000003.jpg' have the same id 7",
    ),
    "category id twice": (put("categories", 1, "id", 44), "classes 'bottle' and 'dog' have the same id 44"),
    "no annotations": (without("annotations"), "annotations is missing"),
    "empty split": (put("annotations", []), "annotations is empty"),
    "no image at all": (put("images", []), "images is empty"),
    "no class": (put("categories", []), "categories is empty"),
    "nothing belongs together": (
        put("images", [{"id": 99, "file_name": "a.jpg", "width": 9, "height": 9}]),
        "no annotation has an image and a class of this file",
    ),
    "captions": (put("annotations", [{"id": 1, "image_id": 7, "caption": "a dog"}]), "COCO captions"),
    "panoptic": (put("annotations", [{"image_id": 7, "segments_info": [], "file_name": "7.png"}]), "COCO panoptic"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_makes_a_file_unusable_is_named(write_json, instances, case):
    change, message = UNUSABLE[case]
    change(instances)
    path = write_json(instances)
    with pytest.raises(UserError) as error:
        read_instances(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def read(write_json, content, **options):
    path = write_json(content)
    return read_coco(path, ReadingReport("mine.json"), **options)


NO_BOX = {"x": None, "y": None, "width": None, "height": None}
# For each: what is put into the second annotation, the kind that is reported, and what becomes of its row.
OBJECTS = {
    "no height": ({"bbox": [296.65, 388.33, 1.03, 0.0]}, "box_zero", NO_BOX | {"area": 15.5}),
    "no width": ({"bbox": [1, 2, 0, 4]}, "box_zero", NO_BOX),
    "negative": ({"bbox": [50, 60, -20, 30]}, "box_negative", NO_BOX),
    "beyond single precision": ({"bbox": [1, 2, 1e39, 4]}, "box_too_large", NO_BOX),
    "below single precision": ({"bbox": [1, 2, 1e-60, 4]}, "box_too_small", NO_BOX),
    "not a number": ({"bbox": [1, 2, float("nan"), 4]}, "box_not_finite", NO_BOX),
    "infinite": ({"bbox": [1, 2, float("inf"), 4]}, "box_not_finite", NO_BOX),
    "null": ({"bbox": None, "segmentation": None}, "box_null", NO_BOX),
    "empty": ({"bbox": [], "segmentation": []}, "box_empty", NO_BOX),
    "text": ({"bbox": ["a", 2, 3, 4]}, "box_not_four_numbers", NO_BOX),
    "null within": ({"bbox": [1, 2, 3, None]}, "box_not_four_numbers", NO_BOX),
    "three": ({"bbox": [1, 2, 3]}, "box_not_four_numbers", NO_BOX),
    "five": ({"bbox": [100, 100, 50, 20, 0.5]}, "box_rotated", NO_BOX),
    "nested": ({"bbox": [[1, 2, 3, 4]]}, "box_not_four_numbers", NO_BOX),
    "an object": ({"bbox": {"x": 1, "y": 2, "width": 3, "height": 4}}, "box_not_four_numbers", NO_BOX),
    "polygons": (
        {"bbox": None, "segmentation": [[10, 20, 40, 20, 40, 60], [5, 30, 10, 30, 10, 70]]},
        "box_null_outlined", {"x": 5, "y": 20, "width": 35, "height": 50},
    ),
    # The mask's second to fourth column of a picture four pixels high, of which the first row is left out.
    "run lengths": (
        {"bbox": None, "segmentation": {"size": [4, 5], "counts": [5, 3, 1, 3, 1, 3, 4]}},
        "box_null_outlined", {"x": 1, "y": 1, "width": 3, "height": 3},
    ),
    "run lengths that do not add up": (
        {"bbox": None, "segmentation": {"size": [4, 5], "counts": [5, 3, 1]}}, "box_null", NO_BOX,
    ),
    "digits": ({"bbox": ["1", "2.5", "3", "4"]}, None, {"x": 1, "y": 2.5, "width": 3, "height": 4}),
    "digits as ids": ({"image_id": "3", "category_id": "44"}, "annotations_category_id_text", {"category_id": 44}),
    "integral floats as ids": ({"image_id": 3.0, "category_id": 44.0}, None, {"category_id": 44}),
    "area as text": ({"area": "1200"}, None, {"area": 1200}),
    "area not a number": ({"area": float("nan")}, "number_not_finite", {"area": 30}),
    "area null": ({"area": None}, None, {"area": 30}),
    "iscrowd false": ({"iscrowd": False}, None, {"iscrowd": False}),
    "iscrowd true": ({"iscrowd": True}, None, {"iscrowd": True}),
    "iscrowd 0.0": ({"iscrowd": 0.0}, None, {"iscrowd": False}),
    "iscrowd text": ({"iscrowd": "0"}, None, {"iscrowd": False}),
    "iscrowd null": ({"iscrowd": None}, None, {"iscrowd": False}),
    "iscrowd 2": ({"iscrowd": 2}, "iscrowd_unknown", {"iscrowd": True}),
    "text as id": ({"id": "a-7"}, "annotation_id_numbered", {"annotation_id": 0, "original_id": "a-7"}),
    "an id beyond 64 bit": ({"id": 10**20}, "annotation_id_numbered", {"original_id": str(10**20)}),
    "a score": ({"score": 0.5}, "score", {}),
    "an unused NaN": ({"confidence": float("nan")}, "number_not_finite", {"width": 5}),
}  # fmt: skip


@pytest.mark.parametrize("case", OBJECTS)
def test_an_unusual_object_is_read(write_json, instances, case):
    put_in, kind, becomes = OBJECTS[case]
    instances["annotations"][1].update(put_in)
    reading = read(write_json, instances)
    (row,) = (row for row in reading.annotations.to_pylist() if row["image_id"] == 3)
    expected = {"category_id": 44, "iscrowd": True, "annotation_id": 2, "original_id": None, **becomes}
    if "id" in put_in:
        expected["annotation_id"] = row["annotation_id"]
        assert row["annotation_id"] not in (1, 3)  # those of the others
    assert {name: row[name] for name in expected} == expected
    assert (list(reading.report.problems) or [None])[-1] == kind
    assert reading.annotations.num_rows == 3


@pytest.mark.parametrize(
    ("put_in", "kind"),
    [
        ({"image_id": 99}, "image_not_listed"),
        ({"image_id": None}, "image_id_unknown"),
        ({"image_id": True}, "image_id_unknown"),
        ({"category_id": 5}, "category_not_listed"),
        ({"category_id": None}, "category_id_unknown"),
        ({"category_id": [18, 44]}, "category_id_unknown"),
        ({"category_id": "dog"}, "category_not_listed"),
        ({"bbox": [0, 0, 0, 0], "segmentation": []}, "object_emptied"),
    ],
)
def test_an_object_whose_image_or_class_is_unknown_is_left_out(write_json, instances, put_in, kind):
    instances["annotations"][1].update(put_in)
    reading = read(write_json, instances)
    assert reading.annotations["annotation_id"].to_pylist() == [1, 3]
    assert reading.report.problems[kind].count == 1
    assert reading.report.problems[kind].first_record == "annotations record 1 (id 2)"
    with pytest.raises(UserError, match=kind):
        read(write_json, instances, strict=True)


IMAGES = {
    "size as text": ({"width": "320"}, None, {"width": 320, "height": 240}),
    "size as floats": ({"width": 320.0, "height": 240.0}, None, {"width": 320, "height": 240}),
    "no width": ({"width": None}, "image_size_unknown", {"width": 0, "height": 0}),
    "width 0": ({"width": 0}, "image_size_unknown", {"width": 0}),
    "coco_url null": ({"coco_url": None, "flickr_url": 0}, None, {"coco_url": "", "flickr_url": ""}),
    "name by its address": ({"file_name": None, "coco_url": "http://x/y/3.jpg?size=2"}, None, {"file_name": "3.jpg"}),
    "no name": ({"file_name": None}, "file_name_missing", {"file_name": ""}),
    "backslash": ({"file_name": r"images\3.jpg"}, "file_name_backslash", {"file_name": "images/3.jpg"}),
    "drive": ({"file_name": r"C:\Users\me\3.jpg"}, "file_name_outside", {"file_name": "Users/me/3.jpg"}),
    "absolute": ({"file_name": "/data/set/3.jpg"}, "file_name_outside", {"file_name": "data/set/3.jpg"}),
    "parents": ({"file_name": r"..\..\upload\3.jpg"}, "file_name_outside", {"file_name": "upload/3.jpg"}),
    "an address": ({"file_name": "https://h.example/3.jpg"}, None, {"file_name": "https://h.example/3.jpg"}),
}


@pytest.mark.parametrize("case", IMAGES)
def test_an_unusual_image_is_read(write_json, instances, case):
    put_in, kind, becomes = IMAGES[case]
    instances["images"][1].update(put_in)
    reading = read(write_json, instances)
    row = reading.images.to_pylist()[0]
    assert {name: row[name] for name in becomes} == becomes
    assert (list(reading.report.problems) or [None])[-1] == kind
    assert reading.annotations.num_rows == 3


@pytest.mark.parametrize(
    ("ids", "numbers", "original"),
    [
        (["7", "3", "5"], [3, 5, 7], ["3", "5", "7"]),
        (["kitchen_7", "kitchen_3", "kitchen_5"], [1, 2, 3], ["kitchen_7", "kitchen_3", "kitchen_5"]),
        (["007", "7", "5"], [5, 7, 8], ["5", "7", "007"]),
        ([2**63 + 1, 2**63 + 2, 2**53 + 1], [2**53 + 1, 2**53 + 2, 2**53 + 3], [None, str(2**63 + 1), str(2**63 + 2)]),
        ([-1, -2, 5], [5, 6, 7], [None, "-1", "-2"]),
    ],
)
def test_image_ids_of_any_kind_are_given_back(write_json, instances, ids, numbers, original):
    new = dict(zip((7, 3, 5), ids, strict=True))
    for record in instances["images"]:
        record["id"] = new[record["id"]]
    for record in instances["annotations"]:
        record["image_id"] = new[record["image_id"]]
    reading = read(write_json, instances)
    assert reading.images["image_id"].to_pylist() == numbers
    assert reading.images["original_id"].to_pylist() == original
    names = dict(zip(numbers, reading.images["file_name"].to_pylist(), strict=True))
    of = sorted(
        (names[i], n)
        for i, n in zip(*(reading.annotations[c].to_pylist() for c in ("image_id", "annotation_id")), strict=True)
    )
    assert of == [("000000000003.jpg", 2), ("000000000007.jpg", 1), ("000000000007.jpg", 3)]


def test_text_stands_in_the_annotations_alone(write_json, instances):
    for record in instances["annotations"]:
        record["image_id"] = str(record["image_id"])
    reading = read(write_json, instances)
    assert reading.annotations["image_id"].to_pylist() == [3, 7, 7]
    assert "text stands where a number is" in reading.report.problems["annotations_image_id_text"].action


CATEGORIES = {
    "same entry twice": ([{"id": 44, "name": "bottle"}], "category_twice", ["dog", "bottle"]),
    "a name twice": ([{"id": 9, "name": "dog"}], "category_name_twice", ["dog", "bottle"]),
    "a number": ([{"id": 9, "name": 7}], "category_name_odd", ["7", "dog", "bottle"]),
    "no name": ([{"id": 9}], "category_name_missing", ["category 9", "dog", "bottle"]),
    "line break": ([{"id": 9, "name": 'a "b",\n<i>'}], "category_name_odd", ['a "b", <i>', "dog", "bottle"]),
    "a list above": ([{"id": 9, "name": "x", "supercategory": ["a", "b"]}], None, ["x", "dog", "bottle"]),
    "null above": ([{"id": 9, "name": "x", "supercategory": None}], None, ["x", "dog", "bottle"]),
    "id as text": ([{"id": "9", "name": "x"}], "categories_id_text", ["x", "dog", "bottle"]),
    "id a name": ([{"id": "x", "name": "x"}], "categories_id_numbered", ["dog", "bottle", "x"]),
}


@pytest.mark.parametrize("case", CATEGORIES)
def test_an_unusual_class_is_read(write_json, instances, case):
    more, kind, names = CATEGORIES[case]
    instances["categories"] += more
    reading = read(write_json, instances)
    assert reading.categories["name"].to_pylist() == names
    assert (list(reading.report.problems) or [None])[-1] == kind


def test_objects_of_a_class_that_is_listed_twice_are_of_one(write_json, instances):
    instances["categories"].append({"id": 9, "name": "dog"})
    instances["annotations"][1]["category_id"] = 9
    assert read(write_json, instances).annotations["category_id"].to_pylist() == [18, 18, 44]


def test_an_id_that_stands_twice_becomes_two(write_json, instances):
    instances["annotations"][2]["id"] = 1
    rows = read(write_json, instances).annotations.to_pylist()
    assert len({row["annotation_id"] for row in rows}) == 3
    assert [row["original_id"] for row in rows] == [None, None, "1"]


def test_annotations_without_ids_are_numbered(write_json, instances):
    for record in instances["annotations"]:
        del record["id"]
    reading = read(write_json, instances)
    assert reading.annotations["annotation_id"].to_pylist() == [1, 0, 2]
    assert reading.report.problems["annotation_id_missing"].count == 3


def test_all_kinds_are_named_at_once(write_json, instances, tmp_path):
    instances["images"].append(instances["images"][0])
    instances["annotations"] += [
        {"id": 8, "image_id": 7, "category_id": 18, "bbox": [1, 2, 0, 4]},
        {"id": 9, "image_id": 99, "category_id": 18, "bbox": [1, 2, 3, 4]},
        {"id": 10, "image_id": 98, "category_id": 18, "bbox": [1, 2, 3, 4]},
        {"id": 11, "image_id": 7, "category_id": None, "bbox": [1, 2, 3, 4]},
        "not a record",
    ]
    with pytest.raises(UserError) as error:
        read(write_json, instances, strict=True)
    kinds = ["annotations_no_record", "image_twice", "box_zero", "image_not_listed", "category_id_unknown"]
    assert all(f"\n  {kind} (" in str(error.value) for kind in kinds)
    assert "image_not_listed (2, first annotations record 4 (id 9))" in str(error.value)
    reading = read(write_json, instances)
    reading.report.write(tmp_path / "p.csv", "train")
    table = pd.read_csv(tmp_path / "p.csv")
    assert sorted(table["kind"]) == sorted(kinds)
    assert table.set_index("kind")["count"]["image_not_listed"] == 2
    assert set(table["split"]) == {"train"}
    assert reading.annotations.num_rows == 4


def test_what_makes_a_file_unusable_hides_nothing_else(write_json, instances):
    instances["images"][1]["id"] = 7
    instances["annotations"][0]["bbox"] = [1, 2, 0, 4]
    del instances["annotations"][1]
    with pytest.raises(UserError) as error:
        read(write_json, instances)
    assert "image_id_twice (1" in str(error.value)
    assert "box_zero (1" in str(error.value)


def test_sizes_come_from_the_headers_of_the_pictures(write_json, instances, tmp_path):
    for record in instances["images"]:
        del record["width"], record["height"]
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "000000000003.jpg"), np.zeros((30, 50, 3), np.uint8))
    instances["images"][0]["file_name"] = "/elsewhere/000000000007.png"
    cv2.imwrite(str(tmp_path / "images" / "000000000007.png"), np.zeros((20, 10, 3), np.uint8))
    reading = read(write_json, instances, image_folder=tmp_path / "images")
    rows = [(row["image_id"], row["width"], row["height"]) for row in reading.images.to_pylist()]
    assert rows == [(3, 50, 30), (5, 0, 0), (7, 10, 20)]
    assert reading.report.problems["image_size_from_picture"].count == 2
    assert reading.report.problems["image_size_unknown"].first_record == "images record 2 (id 5)"


@pytest.mark.parametrize("odd", [False, True])
def test_classes_that_were_looked_for(write_json, instances, odd):
    """As in LVIS: what was found, and what is said to be absent; odd: by the loose reader."""
    instances["images"][0].update(neg_category_ids=[18], not_exhaustive_category_ids=[44])
    instances["images"][2].update(neg_category_ids=[44, 1000], not_exhaustive_category_ids=[])
    if odd:
        instances["annotations"][0]["image_id"] = "7"
    reading = read(write_json, instances)
    assert list(zip(*reading.checked.to_pydict().values(), strict=True)) == [(3, 44), (5, 44), (7, 18), (7, 44)]
    assert reading.report.problems["classes_not_checked"].count == 3
    assert read(write_json, {**instances, "images": [{"id": 7, "file_name": "7.jpg"}]}).checked is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("[1, 2]", "images is missing"),
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
