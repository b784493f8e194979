"""ONNX Runtime as a second backend: the same tables within rounding."""

import builtins

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly import tables
from contextual_anomaly.detection.detections import RUN
from contextual_anomaly.detection.detector import Detector
from contextual_anomaly.detection.sessions import available
from contextual_anomaly.errors import UserError
from tests.detection.onnx_files import end2end, write_onnx, yolov8

CATEGORIES = pd.DataFrame({"category_id": [3, 18, 44], "name": ["car", "dog", "bottle"], "supercategory": ""})
onnxruntime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")


@pytest.mark.coco
def test_real_images_give_the_same_tables_within_rounding(shared_coco, tmp_path, caplog):
    folder = shared_coco / "images/val2017"
    sizes = pd.read_parquet(shared_coco / "annotations/val2017_images.parquet").set_index("image_id")
    names = sorted(path.name for path in folder.glob("*.jpg"))[:16]
    ids = [int(name.removesuffix(".jpg")) for name in names]
    images = sizes.loc[ids].reset_index().assign(file_name=names, status=RUN, problem="")
    categories = pd.DataFrame({"category_id": range(1, 81), "name": [f"class {i}" for i in range(80)]})
    weights = shared_coco / "weights/yolox_nano.onnx"
    found = {}
    for backend, threads in (("cpu", 1), ("onnxruntime", 1), ("onnxruntime", 2)):
        detector = Detector.load(weights, "yolox", categories, backend=backend, threads=threads, score_threshold=0.05)
        found[backend, threads] = detector.detect(images, folder, threads)
    assert "ONNX Runtime" in caplog.text
    ours, theirs = found["cpu", 1], found["onnxruntime", 1]
    scores = [tables.matrix(result.class_scores["score"]) for result in (ours, theirs)]
    np.testing.assert_allclose(*scores, atol=1e-4)
    boxes = [r.detections.to_pandas().sort_values(["image_id", "category_id", "x"]) for r in (ours, theirs)]
    assert len(boxes[0]) > 100
    assert len(boxes[0]) == len(boxes[1])
    np.testing.assert_allclose(*(b[["x", "y", "width", "height", "score"]] for b in boxes), atol=0.05)
    assert found["onnxruntime", 2].detections.equals(theirs.detections)  # threads change nothing
    assert theirs.metadata["backend"] == "onnxruntime"


def test_open_sizes_and_chosen_outputs(tmp_path):
    names = {"names": "['car', 'dog', 'bottle']"}
    path = write_onnx(tmp_path / "x.onnx", {"a": yolov8(), "b": np.zeros((1, 2))}, names, ("batch", 3, "h", "w"))
    detector = Detector.load(path, "yolov8", CATEGORIES, backend="onnxruntime", input_size=64)
    assert detector.networks[0].classes == 3
    path = write_onnx(tmp_path / "y.onnx", {"a": end2end()}, names)
    assert Detector.load(path, "end2end", CATEGORIES, backend="onnxruntime").networks[0].backend == "onnxruntime"


def test_what_it_cannot_run_is_said(tmp_path):
    path = write_onnx(tmp_path / "x.onnx", {"a": yolov8()}, {"names": "['car', 'dog', 'bottle']"})
    content = path.read_bytes().replace(b"ReduceMean", b"ReduceMoon")
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"ONNX Runtime cannot run this network \(.*ReduceMoon"):
        Detector.load(path, "yolov8", CATEGORIES, backend="onnxruntime")


def test_a_graphics_card_that_is_not_there_gives_way_to_the_processor(caplog):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    assert available("onnxruntime_cuda") == "onnxruntime"
    assert "Install onnxruntime-gpu" in caplog.text


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"contextual-anomaly\[onnxruntime\]"):
        available("onnxruntime")
