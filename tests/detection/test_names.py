"""Outputs and classes of the data set are matched by name."""

import json

import pytest

from contextual_anomaly.detection.names import match_names, read_names
from contextual_anomaly.errors import UserError

CLASSES = ["car", "dog", "bottle"]


def test_names_in_another_order():
    assert match_names(["bottle", "car"], "names.txt", 2, CLASSES).tolist() == [2, 0]


def test_darknet_and_coco_spell_six_classes_differently():
    assert match_names(["sofa", "car", "aeroplane"], "coco.names", 3, ["airplane", "car", "couch"]).tolist() == [
        2,
        1,
        0,
    ]
    assert match_names(["tv", "sofa"], "x", 2, ["sofa", "tvmonitor"]).tolist() == [1, 0]
    with pytest.raises(UserError, match="'couch' is there more than once"):
        match_names(["sofa", "couch"], "x", 2, ["couch", "car"])


@pytest.mark.coco
def test_all_of_darknet_s_names_are_coco_s(shared_coco):
    categories = json.loads((shared_coco / "annotations/categories.json").read_text())
    names = read_names(shared_coco / "weights/coco.names")
    # Darknet keeps COCO's order.
    ordered = [c["name"] for c in sorted(categories, key=lambda c: c["category_id"])]
    assert match_names(names, "coco.names", 80, ordered).tolist() == list(range(80))


def test_a_file_of_names(tmp_path):
    (tmp_path / "names.txt").write_text("dog\n traffic light \r\ncar\n\n")
    assert read_names(tmp_path / "names.txt") == ["dog", "traffic light", "car"]


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(UserError, match=r"names\.txt: not a text file"):
        read_names(tmp_path / "names.txt")


@pytest.mark.parametrize(
    ("names", "outputs", "message"),
    [
        (["car", "dog"], 3, r"2 class names, but the network's output has 3"),
        (["car", "cat", "dog"], 3, r"'cat' is no class of the data set.*no output: 'bottle'"),
        (["car", "dog", "car"], 3, r"'car' is there more than once"),
    ],
)
def test_names_that_do_not_match(names, outputs, message):
    with pytest.raises(UserError, match=message):
        match_names(names, "names.txt", outputs, CLASSES)
