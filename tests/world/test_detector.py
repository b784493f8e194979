"""The detector: its ONNX through OpenCV against the Flax net, and its worth by COCOeval on rendered images."""

import json
import os
import subprocess
import sys

import cv2
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contextual_anomaly.commands.world_images import world_images
from contextual_anomaly.world.detector.build import build_detector, train_detector
from contextual_anomaly.world.detector.export import export
from contextual_anomaly.world.detector.geometry import cells
from contextual_anomaly.world.detector.network import Trunk, read
from contextual_anomaly.world.detector.training import _giou, assign, train
from contextual_anomaly.world.detector.training_images import render_training_images
from contextual_anomaly.world.detector.weights import fold, load_weights, save_weights
from contextual_anomaly.world.sprites import make_sprites

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(world, tmp_path_factory):
    """The detector of the package."""
    path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    build_detector(world, path)
    return path


@pytest.fixture(scope="module")
def inputs(annotations, tmp_path_factory) -> dict[int, np.ndarray]:
    """Letterboxed images [256, 320, 3] of the validation split by image id."""
    folder = tmp_path_factory.mktemp("rendered") / "val2017"
    world_images(annotations[1], folder, count=150, seed=0)
    bars = {"top": 8, "bottom": 8, "left": 0, "right": 0, "borderType": cv2.BORDER_CONSTANT, "value": (114, 114, 114)}
    return {
        int(p.stem): cv2.copyMakeBorder(cv2.imread(str(p)), **bars)[..., ::-1] for p in sorted(folder.glob("*.jpg"))
    }


@pytest.fixture(scope="module")
def answers(built, inputs) -> dict[int, np.ndarray]:
    """What OpenCV reads from the ONNX file: [84, N] by image id."""
    net = cv2.dnn.readNetFromONNX(str(built))
    found = {}
    for image_id, image in inputs.items():
        net.setInput(cv2.dnn.blobFromImage(image, 1 / 255))
        found[image_id] = net.forward()[0].copy()
    return found


def detections(answer: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (x, y, width, height in the image), columns and scores after non-maximum suppression by class."""
    cell, column = np.nonzero(answer[4:].T > 0.02)
    score = answer[4 + column, cell]
    box = answer[:4, cell].T.copy()
    box[:, :2] -= box[:, 2:] / 2
    kept = np.array(cv2.dnn.NMSBoxesBatched(box.tolist(), score.tolist(), column.tolist(), 0.02, 0.5), int).ravel()
    return box[kept] - [0, 8, 0, 0], column[kept], score[kept]


def test_opencv_computes_what_flax_computes(world, inputs, tmp_path):
    images = render_training_images(world, make_sprites(world), 40, np.random.default_rng(0))
    trained = train(Trunk(80), images, steps=60, seed=0)
    export(fold(trained), world.classes, tmp_path / "detector.onnx")
    opencv = cv2.dnn.readNetFromONNX(str(tmp_path / "detector.onnx"))
    for image in list(inputs.values())[:3]:
        box, score = map(np.asarray, read(Trunk(80), trained, image[None] / np.float32(255)))
        opencv.setInput(cv2.dnn.blobFromImage(image, 1 / 255))
        answer = opencv.forward()[0]
        x, y, w, h = answer[:4]
        np.testing.assert_allclose(np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1), box[0], atol=0.02)
        np.testing.assert_allclose(answer[4:].T, score[0], atol=1e-4)


def test_weights_are_read_as_they_were_written_in_half_precision(world, tmp_path):
    weights = train_detector(world, 40, 2, 0, tmp_path / "detector.onnx", tmp_path / "weights.safetensors")
    again = load_weights(tmp_path / "weights.safetensors")
    for name, layer in weights.items():
        for part, same in zip(layer, again[name], strict=True):
            np.testing.assert_allclose(same, part, rtol=1e-3, atol=1e-6)
    save_weights(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "weights.safetensors").read_bytes()


def test_file_names_its_classes_and_its_shapes(built, world):
    model = onnx.load(built)
    names = json.loads({p.key: p.value for p in model.metadata_props}["names"])
    assert [names[str(i)] for i in range(80)] == list(world.classes)
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*model.graph.input, *model.graph.output)]
    assert shapes == [[1, 3, 256, 320], [1, 84, 1700]]


def test_confidences_are_shares(answers):
    for answer in answers.values():
        assert answer[4:].min() >= 0
        assert answer[4:].sum(0).max() <= 1 + 1e-5
        assert answer[2:4].min() > 0


def test_finds_some_misses_some_and_errs(annotations, answers, world):
    """COCOeval's average precision: a detector's, not an oracle's."""
    truth = COCO(annotations[1])
    results = [
        {"image_id": i, "category_id": world.category_ids[c], "score": float(s), "bbox": b.tolist()}
        for i, answer in answers.items()
        for b, c, s in zip(*detections(answer), strict=True)
    ]
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.params.imgIds = list(answers)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert 0.28 < evaluation.stats[0] < 0.8  # .31 on 400 images
    assert 0.3 < evaluation.stats[1] < 0.95
    matched = [e for e in evaluation.evalImgs if e and e["aRng"][1] > 1e9]
    hits = sum((e["dtMatches"][0] > 0).sum() for e in matched)
    claims = sum(len(e["dtIds"]) for e in matched)
    objects = sum(len(e["gtIds"]) for e in matched)
    assert 0 < hits < claims
    assert hits < objects


def test_same_bytes_on_any_number_of_cores(tmp_path):
    """Two runs of the command, one held to a single core; the training's sums must not depend on it."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("this machine has one core")
    code = (
        "import os, sys, pathlib; os.sched_setaffinity(0, {int(c) for c in sys.argv[2:]})\n"
        "from contextual_anomaly.commands.world_detector import world_detector\n"
        "world_detector(pathlib.Path(sys.argv[1]), train_images=40, steps=10, seed=3)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name), *map(str, held)])
        for name, held in (("one.onnx", [min(cores)]), ("all.onnx", cores))
    ]
    assert [run.wait() for run in runs] == [0, 0]
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "all.onnx").read_bytes()


def test_cells_answer_for_the_smallest_object_near_them():
    centers = cells(3, 3)
    boxes = np.array([[[4.0, 4, 20, 20], [10, 10, 14, 14], [0, 0, 24, 41]]])
    owner = assign(boxes, centers)[0].reshape(3, 3)
    # Both lie around the middle cell's centre (12, 12); the third is too long for this size of the image.
    assert owner.tolist() == [[-1, -1, -1], [-1, 1, -1], [-1, -1, -1]]
    assert assign(boxes[:, [0, 2]], centers)[0, 4] == 0


def test_giou_by_hand():
    a = jnp.array([[0.0, 0, 2, 2], [0, 0, 1, 1]])
    b = jnp.array([[1.0, 0, 3, 2], [2, 0, 3, 1]])
    # Half overlapping: 2 / 6 shared, hull full. Apart: nothing shared, a third of the hull empty.
    np.testing.assert_allclose(_giou(a, b), [1 / 3, -1 / 3], atol=1e-6)
