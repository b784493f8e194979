"""YOLOX-nano on real photographs finds what is annotated there."""

import cv2
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator
from pycocotools import mask

from contextual_anomaly.detection.detections import RUN
from contextual_anomaly.detection.detector import Detector
from contextual_anomaly.detection.detector_families.base import Expected
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.evaluation import evaluate
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import box_non_max_suppression
from contextual_anomaly.errors import UserError

pytestmark = pytest.mark.coco


@pytest.fixture(scope="module")
def network(shared_coco):
    return Network(shared_coco / "weights/yolox_nano.onnx", "yolox", DETECTOR_FAMILIES["yolox"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning:onnx")  # its sigmoid overflows and mends that
def test_onnx_s_own_evaluator_gives_the_same_answer(network, shared_coco):
    reference = ReferenceEvaluator(onnx.load(network.path))
    _, blob = network.prepare(cv2.imread(str(shared_coco / "images/photos/dog.jpg")))
    output = reference.run(None, {"images": blob})[0]
    reading = DETECTOR_FAMILIES["yolox"].read(output.shape, Expected(network.input_size))
    assert reading is not None
    expected = reading.decode(output)
    for ours, theirs in zip(network.detect(blob)[0], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)


def test_most_of_what_is_large_is_found(network, shared_coco):
    truth = pd.read_parquet(shared_coco / "annotations/val2017_boxes.parquet")
    categories = np.sort(truth["category_id"].unique())
    wanted = found = invented = 0
    for path in sorted((shared_coco / "images/val2017").glob("*.jpg"))[:12]:
        box, blob = network.prepare(cv2.imread(str(path)))
        corners, of_class, _ = box_non_max_suppression(*network.detect(blob)[0], 0.4, 0.5)
        corners = box.to_image(corners)
        seen = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
        objects = truth[(truth["image_id"] == int(path.stem)) & ~truth["iscrowd"].astype(bool)]
        # pycocotools misreads an array that is not contiguous.
        there = np.ascontiguousarray(objects[["x", "y", "w", "h"]]) / 100
        if not len(seen) or not len(there):
            continue
        same = categories[of_class][:, None] == objects["category_id"].to_numpy()
        overlap = mask.iou(seen, there, [0] * len(there)) * same
        large = there[:, 2] * there[:, 3] > 96**2
        wanted += large.sum()
        found += (overlap.max(0) > 0.5)[large].sum()
        invented += (overlap.max(1) < 0.1).sum()
    assert wanted >= 15
    assert found / wanted > 0.6
    assert invented < found


def test_average_precision_is_at_the_published_level(network, shared_coco):
    """25.8 on all of val2017, by the YOLOX repository; on 200 images the bootstrap's standard deviation is 1.8."""
    truth = pd.read_parquet(shared_coco / "annotations/val2017_boxes.parquet")
    truth = truth.rename(columns={"w": "width", "h": "height"}).astype({"iscrowd": bool})
    truth[["x", "y", "width", "height"]] /= 100
    truth["area"] = truth["width"] * truth["height"]
    classes = np.sort(truth["category_id"].unique())
    categories = pd.DataFrame({"category_id": classes, "name": [str(i) for i in classes]})
    images = _images(shared_coco, 200)
    cv2.setNumThreads(1)
    networks = [network, Network(network.path, "yolox", network.family)]
    found = Detector(networks, np.arange(80), categories).detect(images, shared_coco / "images/val2017", 2)
    measures = evaluate(truth, categories, found.detections.to_pandas(), images["image_id"].to_numpy())
    overall = measures[measures["category"] == ""].set_index("metric")["value"]
    assert 0.258 - 0.036 < overall["AP"] < 0.258 + 2 * 0.036
    assert 0.40 < overall["AP50"] < 0.52


def test_a_grid_that_nobody_decodes_is_refused(network, shared_coco):
    """YOLOX's output has the shape of a decoded one."""
    wrong = Network(network.path, "yolov5", DETECTOR_FAMILIES["yolov5"])
    classes = pd.DataFrame({"category_id": range(80), "name": [str(i) for i in range(80)]})
    with pytest.raises(UserError, match=r"offsets and logarithms, as YOLOX has them: choose the family yolox"):
        Detector([wrong], np.arange(80), classes).detect(_images(shared_coco, 8), shared_coco / "images/val2017")


def _images(shared_coco, count):
    """The first images of val2017 that are here, as `shard_of` gives them."""
    names = sorted(path.name for path in (shared_coco / "images/val2017").glob("*.jpg"))[:count]
    sizes = pd.read_parquet(shared_coco / "annotations/val2017_images.parquet").set_index("image_id")
    ids = [int(name.removesuffix(".jpg")) for name in names]
    return sizes.loc[ids].reset_index().assign(file_name=names, status=RUN, problem="")


def test_cores_change_nothing(network, shared_coco):
    folder = shared_coco / "images/val2017"
    images = _images(shared_coco, 8)
    classes = pd.DataFrame({"category_id": range(1, 81), "name": [f"class {i}" for i in range(80)]})
    networks = [network, Network(network.path, "yolox", network.family)]
    found = []
    cv2.setNumThreads(1)
    for threads in (1, 2):
        found.append(Detector(networks[:threads], np.arange(80), classes).detect(images, folder, threads))
    assert found[0].detections.equals(found[1].detections)
    assert found[0].class_scores.equals(found[1].class_scores)
    assert found[0].report["problem"].eq("").all()  # the sizes are those of the annotations
    assert len(found[0].detections) > 100
