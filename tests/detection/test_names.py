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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_a_file_of_names_in_another_encoding(tmp_path, encoding):
    (tmp_path / "names.txt").write_bytes("dog\nWürfel\n".encode(encoding))
    assert read_names(tmp_path / "names.txt") == ["dog", "Würfel"]


@pytest.mark.parametrize(
    "text", ["names: [dog, car]", "names:\n  - dog\n  - car", "nc: 2\nnames: {1: car, 0: dog}", "- dog\n- car"]
)
def test_a_yaml_file_of_names(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    assert read_names(tmp_path / "data.yaml") == ["dog", "car"]


@pytest.mark.parametrize("text", ["names: 7", "nc: 2", "names: {0: dog, 2: car}", "a: [", ""])
def test_a_yaml_file_without_names(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=r"data\.yaml"):
        read_names(tmp_path / "data.yaml")


def test_case_underscores_and_spaces_do_not_matter():
    classes = ["traffic light", "TV", "dining table", "car"]
    assert match_names(["Traffic_Light", "tvmonitor", "Dining-Table", "CAR"], "x", 4, classes).tolist() == [0, 1, 2, 3]
    assert match_names(["Car", "car"], "x", 2, ["car", "Car"]).tolist() == [1, 0]  # the very name comes first
    with pytest.raises(UserError, match=r"'CAR' \(did you mean 'car'\?\) is no class"):
        match_names(["CAR"], "x", 1, ["car", "Car"])


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(UserError, match=r"'trafficlights' \(did you mean 'traffic light'\?\), 'yak' is no class"):
        match_names(["trafficlights", "yak"], "x", 2, ["traffic light", "car"])


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\x00\x01\xff\x00")
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
