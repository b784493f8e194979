"""Detections as other libraries hold them: the real ones where they are here, else objects of their attributes."""

from types import SimpleNamespace

import numpy as np
import pytest

from contextual_anomaly.checking.adapters import objects_of
from contextual_anomaly.checking.objects import BadObjects, objects_of_json, objects_of_text

CORNERS = np.array([[10.0, 20, 40, 60], [5, 5, 15, 30]])
SIDES = ((10.0, 20.0, 30.0, 40.0), (5.0, 5.0, 10.0, 25.0))


class Tensor:
    """An array on another device, as PyTorch's: NumPy takes it only after `cpu` and `detach`."""

    def __init__(self, values, here=False):
        self.values, self.here = np.asarray(values), here

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.values, True)

    def __array__(self, dtype=None, copy=None):
        if not self.here:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.values if dtype is None else self.values.astype(dtype)


def test_supervision():
    detections = SimpleNamespace(
        xyxy=CORNERS,
        confidence=np.array([0.9, 0.5]),
        class_id=np.array([0, 41]),
        data={"class_name": np.array(["a", "b"])},
    )
    found = objects_of(detections)
    assert (found.names, found.scores, found.boxes) == (("a", "b"), (0.9, 0.5), SIDES)
    detections.data = {}
    assert objects_of(detections).names == ("person", "cup")  # COCO's, from 0 on
    assert objects_of(detections, {0: "x", 41: "y"}).names == ("x", "y")
    detections.class_id = np.array([0, 99])
    with pytest.raises(BadObjects, match="class number 99 has no name"):
        objects_of(detections)
    empty = SimpleNamespace(xyxy=np.empty((0, 4)), confidence=None, class_id=None, data={})
    assert objects_of(empty).names == ()


def test_the_library_supervision_itself():
    supervision = pytest.importorskip("supervision")
    found = objects_of(
        supervision.Detections(xyxy=CORNERS, confidence=np.array([0.9, 0.5]), class_id=np.array([0, 41]))
    )
    assert (found.names, found.scores, found.boxes) == (("person", "cup"), (0.9, 0.5), SIDES)


def test_ultralytics():
    boxes = SimpleNamespace(xyxy=Tensor(CORNERS), conf=Tensor([0.9, 0.5]), cls=Tensor([1.0, 0.0]))
    results = SimpleNamespace(boxes=boxes, names={0: "fork", 1: "cup"}, orig_shape=(480, 640), path="a.jpg")
    found = objects_of(results)
    assert (found.names, found.scores, found.boxes) == (("cup", "fork"), (0.9, 0.5), SIDES)
    assert (found.size, found.file_name) == ((640, 480), "a.jpg")
    with pytest.raises(BadObjects, match="no boxes"):
        objects_of(SimpleNamespace(boxes=None, names={}))


def test_torchvision():
    prediction = {"boxes": Tensor(CORNERS), "labels": Tensor([1, 47]), "scores": Tensor([0.9, 0.5])}
    found = objects_of(prediction)
    assert (found.names, found.scores, found.boxes) == (("person", "cup"), (0.9, 0.5), SIDES)  # COCO's ids, with gaps
    with pytest.raises(BadObjects, match="class number 12 has no name"):
        objects_of({"boxes": CORNERS[:1], "labels": [12]})


def test_coco_results():
    results = [
        {"image_id": 7, "category_id": 47, "bbox": list(SIDES[0]), "score": 0.9},
        {"image_id": 7, "category_id": 1, "bbox": list(SIDES[1]), "score": 0.5},
    ]
    found = objects_of(results)
    assert (found.names, found.scores, found.boxes, found.image_id) == (("cup", "person"), (0.9, 0.5), SIDES, 7)
    with pytest.raises(BadObjects, match="results of 2 images"):
        objects_of([*results, {**results[0], "image_id": 8}])


@pytest.mark.parametrize(
    ("value", "names", "scores"),
    [
        (["cup", "fork"], ("cup", "fork"), (None, None)),
        (("cup", "fork"), ("cup", "fork"), (None, None)),
        ({"cup", "fork"}, ("cup", "fork"), (None, None)),
        ({"cup": 0.5, "fork": 1}, ("cup", "fork"), (0.5, 1.0)),
        ([("cup", 0.5), ["fork", 1]], ("cup", "fork"), (0.5, 1.0)),
        ({"objects": [{"label": "cup", "confidence": 0.5}, "fork"]}, ("cup", "fork"), (0.5, None)),
        ({"image": "a.jpg", "classes": ["cup", "fork"]}, ("cup", "fork"), (None, None)),
        ([{"name": "cup", "class": 41, "confidence": 0.5}], ("cup",), (0.5,)),  # Ultralytics' tojson
        ([], (), ()),
        ({}, (), ()),
    ],
)
def test_names_and_json(value, names, scores):
    found = objects_of(value)
    assert (found.names, found.scores, found.problems) == (names, scores, ())


def test_boxes_of_two_corners_in_json():
    corners = {"x1": 10, "y1": 20, "x2": 40, "y2": 60}
    for entry in (
        {"name": "cup", "box": corners},
        {"name": "cup", "xyxy": [10, 20, 40, 60]},
        {"name": "cup", "bbox": [10, 20, 30, 40]},
    ):
        assert objects_of_json([entry]).boxes == (SIDES[0],)
    assert objects_of_json([{"name": "cup", "box": {"x1": 1}}]).problems[0].kind == "out_of_range"


def test_answers_can_be_asked_again():
    """What `check` writes is what it reads."""
    from contextual_anomaly.checking.results import CheckedObject, CheckResult

    answer = CheckResult("s", (CheckedObject("cup", 0.5, SIDES[0], 7, 0.1, 0.2),), width=640, height=480, image_id="x")
    found = objects_of_json(answer.to_dict())
    assert (found.names, found.scores, found.boxes, found.ids) == (("cup",), (0.5,), (SIDES[0],), (7,))
    assert (found.size, found.image_id) == ((640, 480), "x")


def test_names_in_a_line_of_text():
    found = objects_of_text("fork, cell phone=0.25,, cup=x")
    assert (found.names, found.scores) == (("fork", "cell phone"), (None, 0.25))
    assert found.problems[0].kind == "bad_line"
    assert "'cup=x'" in found.problems[0].message
