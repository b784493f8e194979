"""Weights that do not fit are refused before the first image."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.sessions import OPENCV_TARGETS, available
from contextual_anomaly.errors import UserError

ANSWER = np.full((1, 4 + 3, 5), 0.5, np.float32)


def _network(path, family="yolov8"):
    return Network(path, family, DETECTOR_FAMILIES[family])


def test_size_classes_and_names_are_read_from_the_file(constant_network):
    network = _network(constant_network(ANSWER, 64, 96, names="{0: 'car', 1: 'dog', 2: 'bottle'}"))
    assert network.input_size == (96, 64)
    assert network.classes == 3
    assert network.names == ["car", "dog", "bottle"]
    assert _network(constant_network(ANSWER)).names is None


def test_the_answer_is_the_file_s(constant_network):
    output = np.random.default_rng(0).uniform(0, 1, (1, 7, 5)).astype(np.float32)
    output[0, :4] *= 60
    network = _network(constant_network(output))
    _, blob = network.prepare(np.zeros((10, 20, 3), np.uint8))
    assert blob.shape == (1, 3, 64, 96)
    ((boxes, scores),) = network.detect(blob)
    np.testing.assert_array_equal(scores, output[0, 4:].T)
    np.testing.assert_allclose(boxes.mean(1) * 2, output[0, :2].sum(0), rtol=1e-5)


@pytest.mark.parametrize(("family", "pixel"), [("yolox", [10, 20, 30]), ("yolov8", [30 / 255, 20 / 255, 10 / 255])])
def test_pixels_arrive_as_the_family_wants_them(constant_network, family, pixel):
    grid = (96 // 8) * (64 // 8) + (96 // 16) * (64 // 16) + (96 // 32) * (64 // 32)
    output = np.full((1, grid, 8) if family == "yolox" else (1, 7, 5), 0.5)
    network = _network(constant_network(output), family)
    _, blob = network.prepare(np.full((64, 96, 3), [10, 20, 30], np.uint8))  # blue, green, red
    np.testing.assert_allclose(blob[0, :, 5, 5], pixel, rtol=1e-6)


@pytest.mark.parametrize("family", ["yolox", "yolov8"])
def test_the_input_is_what_opencv_makes_of_the_image(constant_network, family):
    grid = (96 // 8) * (64 // 8) + (96 // 16) * (64 // 16) + (96 // 32) * (64 // 32)
    network = _network(constant_network(np.full((1, grid, 8) if family == "yolox" else (1, 7, 5), 0.5)), family)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    how = {"scalefactor": network.family.scale, "swapRB": network.family.rgb}
    np.testing.assert_array_equal(network.prepare(image)[1], cv2.dnn.blobFromImage(image, **how))


@pytest.mark.parametrize("content", [b"", b"this is no network" * 50, b"\x08\x07\x12\x00"])
def test_a_file_that_is_no_network(tmp_path, content):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.onnx.*not an ONNX file"):
        _network(tmp_path / "x.onnx")


def test_a_file_that_is_cut_off(tmp_path, constant_network):
    whole = constant_network(ANSWER).read_bytes()
    (tmp_path / "x.onnx").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UserError, match=r"x\.onnx.*cut off"):
        _network(tmp_path / "x.onnx")


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"x\.onnx: an ONNX file was expected"):
        _network(tmp_path / "x.onnx")


def test_another_family_s_output(constant_network):
    with pytest.raises(UserError, match=r"\[1, 7, 5\], the family yolox has .*5 \+ classes"):
        _network(constant_network(ANSWER), "yolox")


def _mean_of_each(path, batch):
    """An ONNX network whose only box of each image is as large as the image is bright."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "one"], ["row"]),
        helper.make_node("Mul", ["row", "rows"], ["output"]),
    ]
    stored = [
        numpy_helper.from_array(np.array([0, 1, 1]), "one"),
        numpy_helper.from_array(np.array([1, 1, 1, 1, 0.5, 0.25, 0], np.float32).reshape(1, 7, 1), "rows"),
    ]
    shape = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 64, 96])]
    answer = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 7, 1])]
    graph = helper.make_graph(nodes, "mean", shape, answer, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize(("in_file", "asked", "taken"), [("n", 3, 3), ("n", 1, 1), (2, 5, 2), (1, 4, 1)])
def test_batches_where_the_file_allows(tmp_path, in_file, asked, taken):
    network = Network(_mean_of_each(tmp_path / "x.onnx", in_file), "yolov8", DETECTOR_FAMILIES["yolov8"], batch=asked)
    assert network.batch == taken
    blobs = [network.prepare(np.full((64, 96, 3), v, np.uint8))[1] for v in (51, 255, 102)][:taken]
    for blobs_given in (blobs, blobs[:1]):  # the last batch may be smaller
        answers = network.detect(*blobs_given)
        assert len(answers) == len(blobs_given)
        for (_, scores), value in zip(answers, (0.2, 1, 0.4), strict=False):
            np.testing.assert_allclose(scores, [[0.5 * value, 0.25 * value, 0]], rtol=1e-4)


def test_an_input_of_any_size(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["output"])],
        "any",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph), tmp_path / "x.onnx")
    with pytest.raises(UserError, match=r"leaves the size of its input open; give it as --input-size"):
        _network(tmp_path / "x.onnx")


@pytest.mark.parametrize("wrong", [13.5, -2.0, np.nan])
def test_confidences_that_are_none(constant_network, wrong):
    output = ANSWER.copy()
    output[0, 5, 1] = wrong
    network = _network(constant_network(output))
    with pytest.raises(UserError, match="0 to 1 was expected"):
        network.detect(network.prepare(np.zeros((10, 10, 3), np.uint8))[1])


@pytest.mark.parametrize("names", ["not python", "{'a': 'b'}", "{0: 'car', 2: 'dog'}", "7"])
def test_names_that_are_no_list(constant_network, names):
    with pytest.raises(UserError, match=r"metadata names.*--names"):
        _network(constant_network(ANSWER, names=names))


def test_a_stretched_image_fills_the_input(constant_network):
    network = Network(constant_network(ANSWER), "yolov8", DETECTOR_FAMILIES["yolov8"], stretched=True)
    _, blob = network.prepare(np.full((90, 10, 3), 255, np.uint8))
    np.testing.assert_allclose(blob, 1)


@pytest.mark.parametrize("backend", ["cuda", "openvino"])
def test_a_backend_that_is_not_here_is_said_and_the_processor_takes_its_place(backend, capsys):
    of_opencv, target = OPENCV_TARGETS[backend]
    if target in cv2.dnn.getAvailableTargets(of_opencv):
        pytest.skip(f"this OpenCV has {backend}")
    assert available(backend) == "cpu"
    told = capsys.readouterr().err
    assert f"{backend}: OpenCV {cv2.__version__} here cannot run on it, only on cpu" in told
    assert available("cpu") == "cpu"
    assert capsys.readouterr().err == ""


def test_a_backend_that_fails_on_the_network_gives_way_to_the_processor(constant_network, capsys):
    """What this OpenCV was built without is refused by its engine, whatever was said to be available."""
    if cv2.dnn.DNN_TARGET_CUDA in cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA):
        pytest.skip("this OpenCV has cuda")
    network = Network(constant_network(ANSWER), "yolov8", DETECTOR_FAMILIES["yolov8"], backend="cuda")
    assert network.backend == "cpu"
    assert "this network cannot run on cuda" in capsys.readouterr().err
    assert network.classes == 3
