"""What exporters make of detectors: each layout is read rightly, or refused with what to do.

Every way finds the same object in an image that the input shows as it is.
"""

import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto

from contextual_anomaly.detection.detections import RUN
from contextual_anomaly.detection.detector import Detector
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.errors import UserError
from tests.detection.onnx_files import CELLS, SIDE, end2end, write_onnx, yolov5, yolov8, yolox

CATEGORIES = pd.DataFrame({"category_id": [3, 18, 44], "name": ["car", "dog", "bottle"], "supercategory": ""})
NAMES = {"names": "{0: 'car', 1: 'dog', 2: 'bottle'}"}
ONE_CLASS = {"names": "['dog']"}
OBJECT = (18, 0.9, 22, 27, 20, 10)
"""Class, score, x, y, width and height."""


@pytest.fixture
def find(tmp_path):
    """A function that runs a file on one image and gives the boxes."""

    def run(path, family, **options):
        options.setdefault("resize", "stretch")
        cv2.imwrite(str(tmp_path / "image.png"), np.full((SIDE, SIDE, 3), 90, np.uint8))
        images = pd.DataFrame(
            [{"image_id": 1, "file_name": "image.png", "width": SIDE, "height": SIDE, "status": RUN, "problem": ""}]
        )
        detector = Detector.load(path, family, CATEGORIES, **options)
        found = detector.detect(images, tmp_path).with_metadata({"shard": "0", "shards": "1"})
        found.check_not_empty()
        return found.detections.to_pandas()

    return run


def assert_finds_the_object(boxes):
    assert len(boxes) == 1
    found = boxes.iloc[0][["category_id", "score", "x", "y", "width", "height"]].astype(float)
    np.testing.assert_allclose(found, OBJECT, rtol=1e-5, atol=1e-4)


READ = {
    "YOLOv8": ("yolov8", {"output0": yolov8()}, NAMES),
    "YOLOv8, transposed": ("yolov8", {"output0": yolov8().transpose(0, 2, 1)}, NAMES),
    "YOLOv8, boxes as shares of the input": ("yolov8", {"output0": yolov8(scale=1 / SIDE)}, NAMES),
    "YOLOv8 and raw maps": (
        "yolov8",
        {"output0": yolov8(), "p3": np.zeros((1, 67, 8, 8)), "p4": np.zeros((1, 67, 4, 4))},
        NAMES,
    ),
    "segmentation": ("yolov8", {"output0": yolov8(extra=32), "output1": np.zeros((1, 32, 16, 16))}, NAMES),
    "pose": ("yolov8", {"output0": yolov8(classes=1, extra=51)}, ONE_CLASS),
    "pose of other keypoints": (
        "yolov8",
        {"output0": yolov8(classes=1, extra=10)},
        {**ONE_CLASS, "task": "pose", "kpt_shape": [5, 2]},
    ),
    "RT-DETR of Ultralytics": ("yolov8", {"output0": yolov8(boxes=300, scale=1 / SIDE).transpose(0, 2, 1)}, NAMES),
    "YOLOv5": ("yolov5", {"output": yolov5()}, NAMES),
    "YOLOv5 segmentation": ("yolov5", {"output0": yolov5(extra=32), "output1": np.zeros((1, 32, 16, 16))}, NAMES),
    "YOLOv5 of one class": ("yolov5", {"output": yolov5(classes=1)}, ONE_CLASS),
    "YOLOv6": ("yolov5", {"outputs": yolov5(boxes=CELLS)}, NAMES),
    "end to end": ("end2end", {"output0": end2end()}, NAMES),
    "end to end, as shares of the input": ("end2end", {"output0": end2end(scale=1 / SIDE)}, NAMES),
    "end to end with masks": ("end2end", {"output0": end2end(32), "output1": np.zeros((1, 32, 16, 16))}, NAMES),
    "YOLOX": ("yolox", {"output": yolox()}, NAMES),
    "YOLOX, decoded": ("yolox", {"output": yolox(decoded=True)}, NAMES),
}


@pytest.mark.parametrize("layout", READ)
def test_a_layout_that_is_read(tmp_path, find, layout):
    family, outputs, metadata = READ[layout]
    assert_finds_the_object(find(write_onnx(tmp_path / "x.onnx", outputs, metadata), family))


def test_an_end_to_end_file_of_one_class(tmp_path, find):
    output = end2end()
    output[0, 0, 5] = 0
    assert_finds_the_object(find(write_onnx(tmp_path / "x.onnx", {"output0": output}, ONE_CLASS), "end2end"))


def test_what_is_read_otherwise_is_said(tmp_path, find, caplog):
    outputs = {"output0": yolov8(extra=32).transpose(0, 2, 1), "output1": np.zeros((1, 32, 16, 16))}
    find(write_onnx(tmp_path / "x.onnx", outputs, NAMES), "yolov8")
    assert "its other outputs are ignored: output1 [1, 32, 16, 16]" in caplog.text
    assert "its output is transposed, and read so; 32 extra channels (masks) are ignored" in caplog.text


def test_end_to_end_boxes_are_not_suppressed_again(tmp_path, find):
    """The network has chosen them: of two that overlap both stay."""
    output = end2end()
    output[0, 1] = output[0, 0] + [1, 0, 1, 0, -0.1, 0]
    assert len(find(write_onnx(tmp_path / "x.onnx", {"output0": output}, NAMES), "end2end")) == 2


REFUSED = {
    "end to end as YOLOv8": ("yolov8", {"output0": end2end()}, NAMES, r"end-to-end.*family\s*end2end.*nms=False"),
    "end to end as YOLOv5": ("yolov5", {"output0": end2end()}, NAMES, r"\[1, 300, 6\] is an end-to-end export"),
    "YOLOv5 as YOLOv8": ("yolov8", {"output": yolov5()}, NAMES, r"\[1, 252, 8\].*looks like the family yolov5"),
    "YOLOv8 as YOLOv5": ("yolov5", {"output": yolov8()}, NAMES, r"looks like the family yolov8"),
    "YOLOX as YOLOv5": ("yolov5", {"output": yolox()}, NAMES, r"offsets and logarithms.*family yolox"),
    "raw maps": (
        "yolov5",
        {"a": np.zeros((1, 3, 8, 8, 8)), "b": np.zeros((1, 3, 4, 4, 8)), "c": np.zeros((1, 3, 2, 2, 8))},
        NAMES,
        r"raw maps.*--grid",
    ),
    "boxes and scores apart": (
        "yolov8",
        {"boxes": np.zeros((1, CELLS, 4)), "scores": np.zeros((1, CELLS, 3))},
        NAMES,
        r"Boxes and class scores come apart: export them as one output",
    ),
    "RT-DETR": (
        "yolov8",
        {"pred_logits": np.zeros((1, 300, 3)), "pred_boxes": np.zeros((1, 300, 4))},
        NAMES,
        r"RT-DETR.*export RT-DETR by Ultralytics",
    ),
    "TensorRT's NMS": (
        "yolov8",
        {"num_dets": np.zeros((1, 1)), "det_boxes": np.zeros((1, 9, 4)), "det_scores": np.zeros((1, 9)), "det_classes": np.zeros((1, 9))},
        NAMES,
        r"TensorRT's NMS: export without",
    ),
    "YOLOv7 with NMS": ("yolov5", {"output": np.zeros((1, 7))}, NAMES, r"seven numbers.*without --end2end"),
    "boxes as distributions": ("yolov8", {"output": np.zeros((1, 67, CELLS))}, NAMES, r"distributions of 16 numbers"),
    "oriented boxes": ("yolov8", {"output": yolov8(extra=1)}, NAMES, r"oriented boxes \(-obb\), which are not supported"),
    "another number of classes": ("yolov8", {"output": yolov8(classes=7)}, NAMES, r"3 class names.*7 classes"),
    "class numbers beyond the names": ("end2end", {"o": end2end() * [1, 1, 1, 1, 1, 7]}, NAMES, r"class number 7.*3 class names"),
    "score behind the class": ("end2end", {"o": end2end()[..., [0, 1, 2, 3, 5, 4]]}, NAMES, r"no class numbers"),
    "logits": ("yolov8", {"output": yolov8() * 20}, NAMES, r"confidences from .* to 18.*last activation"),
    "boxes outside the image": ("yolov8", {"output": yolov8() + 900 * (np.arange(7) < 2)[:, None]}, NAMES, r"1 of 1 boxes lie outside"),
    "boxes below a pixel": ("yolov8", {"output": yolov8() * np.where((np.arange(7) > 1) & (np.arange(7) < 4), 0.01, 1)[:, None]}, NAMES, r"1 of 1 boxes are smaller than a pixel"),
    "nothing at all": ("yolov8", {"output": yolov8() * (np.arange(7) < 4)[:, None]}, NAMES, r"no box in 1 images; the highest confidence.* is 0,.*Likely causes.*yolov8"),
}  # fmt: skip


@pytest.mark.parametrize("layout", REFUSED)
def test_a_layout_that_is_refused(tmp_path, find, layout):
    family, outputs, metadata, message = REFUSED[layout]
    with pytest.raises(UserError, match=message):
        find(write_onnx(tmp_path / "x.onnx", outputs, metadata), family)


def test_few_images_above_a_high_threshold_may_hold_nothing(tmp_path, find, caplog):
    path = write_onnx(tmp_path / "x.onnx", {"output": yolov8() * np.where(np.arange(7) < 4, 1, 0.1)[:, None]}, NAMES)
    assert find(path, "yolov8", score_threshold=0.5).empty
    assert "no box in 1 images" in caplog.text


@pytest.mark.parametrize(
    ("shape", "kind", "more", "message"),
    [
        ((1, 3, SIDE, SIDE), TensorProto.UINT8, (), r"whole numbers \(uint8\), float32 was expected"),
        ((1, 3, SIDE, SIDE), TensorProto.FLOAT16, (), r"another precision \(float16\).*half=False"),
        ((1, SIDE, SIDE, 3), TensorProto.FLOAT, (), r"channels last \(NHWC\).*--inputs-as-nchw"),
        ((1, 1, SIDE, SIDE), TensorProto.FLOAT, (), r"\[\[1, 1, 64, 64\]\].*colour images"),
        ((1, 3, SIDE, SIDE), TensorProto.FLOAT, ("orig_target_sizes",), r"images, orig_target_sizes.*RT-DETR"),
    ],
)
def test_an_input_of_another_kind(tmp_path, find, shape, kind, more, message):
    path = write_onnx(tmp_path / "x.onnx", {"output": yolov8()}, NAMES, shape, kind, more)
    with pytest.raises(UserError, match=message):
        find(path, "yolov8")


def test_an_input_of_open_size(tmp_path, find):
    path = write_onnx(tmp_path / "x.onnx", {"output": yolov8()}, NAMES, ("batch", 3, "height", "width"))
    with pytest.raises(UserError, match="leaves the size of its input open; give it as --input-size"):
        find(path, "yolov8")
    with pytest.raises(UserError, match=r"70 is no multiple of 32; try 64 or 96"):
        find(path, "yolov8", input_size=70)
    assert_finds_the_object(find(path, "yolov8", input_size=SIDE))
    path = write_onnx(tmp_path / "y.onnx", {"output": yolov8()}, {**NAMES, "imgsz": [64, 64]}, (1, 3, "h", "w"))
    assert_finds_the_object(find(path, "yolov8"))
    path = write_onnx(tmp_path / "z.onnx", {"output": yolov8()}, NAMES)
    with pytest.raises(UserError, match=r"input is 64 × 64 pixels and cannot be changed to 640"):
        find(path, "yolov8", input_size=640)


def test_external_data_that_is_missing_or_cut_off(tmp_path, find):
    whole = onnx.load(write_onnx(tmp_path / "w.onnx", {"output": yolov8()}, NAMES))
    onnx.save(whole, tmp_path / "x.onnx", save_as_external_data=True, location="x.onnx.data", size_threshold=0)
    assert_finds_the_object(find(tmp_path / "x.onnx", "yolov8"))
    data = tmp_path / "x.onnx.data"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match=r"x\.onnx\.data: 100 bytes, x\.onnx needs [\d,]+: is it cut off"):
        find(tmp_path / "x.onnx", "yolov8")
    data.unlink()
    with pytest.raises(UserError, match=r"external data, x\.onnx\.data, is missing"):
        find(tmp_path / "x.onnx", "yolov8")


def test_a_file_without_names_takes_the_data_set_s_order_and_says_so(tmp_path, find, caplog):
    assert_finds_the_object(find(write_onnx(tmp_path / "x.onnx", {"output": yolov8()}), "yolov8"))
    assert "has no class names of its own, so the data set's order was taken: output 0 is 'car'" in caplog.text


def test_a_yaml_file_of_names(tmp_path, find):
    (tmp_path / "data.yaml").write_text("path: x\nnames:\n  0: Bottle\n  1: DOG\n  2: car\n")
    path = write_onnx(tmp_path / "x.onnx", {"output": yolov8()})
    assert_finds_the_object(find(path, "yolov8", names=tmp_path / "data.yaml"))


PAGE = Path(__file__).resolve().parents[2] / "docs/detectors.md"
BUILT = {
    "YOLOv8": "YOLOv8", "v9": "YOLOv8", "11": "YOLOv8", "12": "YOLOv8", "YOLO26 with `end2end=False`": "YOLOv8",
    "RT-DETR of Ultralytics": "RT-DETR of Ultralytics", "YOLOv10": "end to end", "YOLO26": "end to end",
    "every Ultralytics model exported with `nms=True`": "end to end", "YOLOv5": "YOLOv5", "v6": "YOLOv6", "v7": "YOLOv5",
    "YOLOX, with and without decoded boxes": "YOLOX, decoded",
}  # fmt: skip
"""The layout that stands for each network of the documentation's table; Darknet's are in test_darknet."""
ANSWERED = {
    "oriented boxes (`-obb`)": "oriented boxes", "raw maps without decoding": "raw maps",
    "boxes and class scores as two outputs (DETR, RT-DETR's own export)": "RT-DETR",
    "exports with TensorRT's NMS, YOLOv7's `--end2end`": "YOLOv7 with NMS",
}  # fmt: skip
"""The refusal of each layout that the documentation says is not supported."""
INPUTS = {
    "two inputs (image and size)", "input of whole numbers (uint8) or half precision", "channels last (NHWC)",
    "Darknet's recurrent, XNOR, Gaussian and embedding layers",
}  # fmt: skip
"""What test_an_input_of_another_kind and test_darknet refuse."""


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_network_of_the_page_is_built_here():
    rows = {row[0]: row[1] for row in _rows("Families")}
    assert set(rows) == set(DETECTOR_FAMILIES)
    for family, networks in rows.items():
        if family == "darknet":
            continue
        named = [networks] if "YOLOX" in networks else re.split(r", |; ", networks)
        for network in named:
            assert READ[BUILT[network]][0] == family


def test_everything_that_the_page_does_not_support_is_refused_here():
    named = {row[0] for row in _rows("Not supported")}
    assert named == set(ANSWERED) | INPUTS
    assert set(ANSWERED.values()) <= set(REFUSED)
