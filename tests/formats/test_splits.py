"""Two splits of one data set: classes by name, and one file for both."""

import copy
import json

import numpy as np
import pytest

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.read import Options
from contextual_anomaly.formats.split_list import SplitList
from contextual_anomaly.formats.splits import read_split
from contextual_anomaly.runtime.arrow import to_numpy
from contextual_anomaly.scenes import Scenes, checked_classes


def content(classes, images=6, **more):
    """Images of two objects each, of the first two classes; class ids as given."""
    ids = list(classes)
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 9, "height": 9} for n in range(1, images + 1)],
        "annotations": [
            {"id": 2 * n + k, "image_id": n, "category_id": ids[k], "bbox": [1, 1, 2, 2]}
            for n in range(1, images + 1)
            for k in range(2)
        ],
        "categories": [
            {"id": i, "name": name, "supercategory": more.get("above", "")} for i, name in classes.items()
        ],
    }  # fmt: skip


def both(write_json, train, val):
    paths = write_json(train, "train.json"), write_json(val, "val.json")
    return (
        read_split(paths[0], "train", Options(), paths[1]),
        read_split(paths[1], "val", Options(), paths[0]),
    )


def names_of(reading):
    names = dict(zip(*(reading.categories[c].to_pylist() for c in ("category_id", "name")), strict=True))
    return [names[c] for c in reading.annotations["category_id"].to_pylist()]


@pytest.mark.parametrize(
    ("val", "united"),
    [
        ({3: "cup", 1: "fork", 2: "knife"}, {1: "cup", 2: "fork", 3: "knife"}),
        ({1: "cup", 2: "fork"}, {1: "cup", 2: "fork", 3: "knife"}),
        ({7: "spoon", 1: "cup", 3: "fork"}, {1: "cup", 2: "fork", 3: "knife", 7: "spoon"}),
        ({2: "spoon", 1: "cup"}, {1: "cup", 2: "fork", 3: "knife", 4: "spoon"}),
    ],
)
def test_classes_are_matched_by_name(write_json, val, united):
    train, validation = both(write_json, content({1: "cup", 2: "fork", 3: "knife"}), content(val))
    for reading in (train, validation):
        assert dict(zip(*(reading.categories[c].to_pylist() for c in ("category_id", "name")), strict=True)) == united
    assert names_of(train) == ["cup", "fork"] * 6
    assert names_of(validation) == list(val.values())[:2] * 6


def test_classes_of_one_split_and_those_that_look_alike_are_said(write_json):
    train, val = both(write_json, content({1: "cup", 2: "fork", 3: "dining_table"}), content({1: "Cup ", 2: "fork"}))
    for reading in (train, val):
        problems = reading.report.problems
        assert "Cup " in problems["classes_alike"].found
        assert "train.json and " in problems["classes_alike"].action
        of_train, of_val = problems["class_in_train_alone"], problems["class_in_val_alone"]
        assert (of_train.count, of_train.found) == (2, "cup, dining_table")
        assert of_train.first_record.endswith("train.json")
        assert (of_val.count, of_val.found) == (1, "Cup ")


def test_the_class_that_stands_for_the_project_is_none(write_json):
    """Roboflow's first class, of which no object is and all other classes are."""
    made = content({1: "pawn", 2: "king", 0: "pieces"}, above="pieces")
    made["categories"][2]["supercategory"] = "none"
    path = write_json(made)
    reading = read_split(path, "val", Options(), divide=True)
    assert reading.categories["name"].to_pylist() == ["pawn", "king"]
    assert reading.report.problems["class_root"].count == 1
    made["annotations"][0]["category_id"] = 0
    used = read_split(write_json(made), "train", Options(), divide=True)
    assert used.categories["name"].to_pylist() == ["pieces", "pawn", "king"]


@pytest.mark.parametrize(("images", "val"), [(2, [2]), (4, [4]), (5, [5]), (12, [5, 10])])
def test_one_file_holds_both_splits(write_json, images, val):
    path = write_json(content({1: "cup", 2: "fork"}, images))
    parts = [read_split(path, split, Options(), divide=True) for split in ("train", "val")]
    ids = [part.images["image_id"].to_pylist() for part in parts]
    assert ids[1] == val
    assert sorted(ids[0] + ids[1]) == list(range(1, images + 1))
    for part, of in zip(parts, ids, strict=True):
        assert set(part.annotations["image_id"].to_pylist()) == set(of)


def test_images_without_objects_are_in_both_splits(write_json):
    made = content({1: "cup", 2: "fork"}, 20)
    made["annotations"] = [a for a in made["annotations"] if a["image_id"] % 2]
    parts = [read_split(write_json(made), split, Options(), divide=True) for split in ("train", "val")]
    for part, n in zip(parts, (16, 4), strict=True):
        assert part.images.num_rows == n
        assert len(set(part.annotations["image_id"].to_pylist())) == n / 2


def test_one_image_cannot_be_divided(write_json):
    with pytest.raises(UserError, match="one image with objects cannot be divided"):
        read_split(write_json(content({1: "cup", 2: "fork"}, 1)), "val", Options(), divide=True)


def test_the_same_file_given_twice_is_noticed(write_json, capsys):
    made = json.dumps(content({1: "cup", 2: "fork"}, 10))
    paths = write_json(made, "train.json"), write_json(made, "val.json")
    val = read_split(paths[1], "val", Options(), paths[0])
    assert "are the same: taken as one" in capsys.readouterr().err
    assert val.images["image_id"].to_pylist() == [5, 10]
    assert read_split(paths[0], "train", Options(), paths[1]).images.num_rows == 8


def test_what_was_looked_for_is_told_from_what_was_not(write_json, tmp_path):
    made = content({1: "cup", 2: "fork", 9: "cat"}, 3)
    made["images"][0].update(neg_category_ids=[9], not_exhaustive_category_ids=[])
    reading = read_split(write_json(made), "train", Options())
    path = tmp_path / "checked.parquet"
    tables.write_table(reading.checked, tables.CHECKED, path, {"exhaustive": "false"})
    scenes = Scenes(
        np.array([1, 3]), np.array([[0, 1, 1], [0, 1, 1]], np.uint16), ("cat", "cup", "fork"), (9, 1, 2), "x"
    )
    np.testing.assert_array_equal(checked_classes(path, scenes), [[True, True, True], [False, True, True]])
    tables.write_table(tables.empty_table(tables.CHECKED), tables.CHECKED, path, {"exhaustive": "true"})
    assert checked_classes(path, scenes) is None


def test_a_list_of_splits_divides_the_images_of_both_files(instances, write_json, tmp_path):
    other = copy.deepcopy(instances)
    for image in other["images"]:
        image["id"] += 100
    for number, annotation in enumerate(other["annotations"]):
        annotation |= {"id": 50 + number, "image_id": annotation["image_id"] + 100}
    other["categories"].reverse()
    paths = [write_json(instances, "a.json"), write_json(other, "b.json")]
    (tmp_path / "splits.csv").write_text("image_id,split\n3,train\n107,train\n7,test\n103,valid\n999,test\n")
    listed = SplitList(tmp_path / "splits.csv", "train")
    for split, order in (("train", paths), ("val", paths[::-1])):
        reading = read_split(order[0], split, Options(), order[1], listed=listed)
        assert to_numpy(reading.images["image_id"]).tolist() == [3, 107]
        assert reading.annotations.select(["image_id", "category_id"]).to_pydict() == {
            "image_id": [3, 107, 107],
            "category_id": [44, 18, 44],
        }
    assert to_numpy(
        read_split(paths[0], "val", Options(), paths[1], listed=SplitList(listed.path, "test")).images["image_id"]
    ).tolist() == [7]


def test_a_list_of_splits_that_cannot_be_used_is_refused(instances, write_json, tmp_path):
    paths = [write_json(instances, "a.json"), write_json(instances | {"info": {}}, "b.json")]
    table = tmp_path / "splits.csv"
    table.write_text("image_id,split\n3,train\n7,train\n")
    with pytest.raises(UserError, match="3 image ids are in both files, such as 3"):
        read_split(paths[0], "train", Options(), paths[1], listed=SplitList(table, "train"))
    with pytest.raises(UserError, match="no image has the split 'val'; the splits there are train"):
        read_split(paths[0], "val", Options(), listed=SplitList(table, "val"))
    table.write_text("image_id,split\n3,train\n3,val\n")
    with pytest.raises(UserError, match="1 images are listed more than once, such as 3"):
        read_split(paths[0], "val", Options(), listed=SplitList(table, "val"))
    table.write_text("image_id,split\n12,val\n")
    with pytest.raises(UserError, match="none of the 1 images of the split 'val' is annotated"):
        read_split(paths[0], "val", Options(), listed=SplitList(table, "val"))
