"""Darknet as ONNX: every layer against a forward pass in plain NumPy, real files, and files that do not fit."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from pycocotools import mask

from contextual_anomaly.commands.darknet_to_onnx import darknet_to_onnx
from contextual_anomaly.detection.darknet.cfg import read_cfg
from contextual_anomaly.detection.darknet.convert import convert
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.names import read_names
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import box_non_max_suppression
from contextual_anomaly.errors import UserError
from tests.detection.darknet_forward import outputs, random_weights, write

NET = ("net", {"width": 24, "height": 16, "channels": 3, "batch": 64, "learning_rate": 0.001, "policy": "steps"})
FIRST = ("convolutional", {"batch_normalize": 1, "filters": 8, "size": 3, "stride": 1, "pad": 1, "activation": "leaky"})


def conv(filters, size=1, **keys):
    return "convolutional", {"filters": filters, "size": size, "stride": 1, "pad": 1, **keys}


def yolo(mask="0,1", classes=3, **keys):
    return "yolo", {"mask": mask, "anchors": "4,6, 9,5, 12,14", "classes": classes, "num": 3, **keys}


HEAD = [conv(16, activation="linear"), yolo()]
NETWORKS = {
    "batch normalisation or bias": [FIRST, conv(6, 3, activation="linear", stride=2), *HEAD],
    "groups": [FIRST, conv(8, 3, groups=8, batch_normalize=1, activation="relu"), conv(4, groups=2, activation="mish"), *HEAD],
    "mish": [conv(8, 3, batch_normalize=1, activation="mish"), *HEAD],
    "logistic is the default": [conv(8, 3), *HEAD],
    "padding of its own, dilation, even kernel": [
        FIRST, conv(6, 3, pad=0, padding=2, activation="leaky"), conv(6, 3, dilation=2, activation="leaky"),
        conv(6, 4, stride=3, activation="leaky"), conv(6, 2, pad=0, activation="leaky"), *HEAD],
    "maxpool": [FIRST, ("maxpool", {"size": 2, "stride": 2}), ("maxpool", {"size": 2, "stride": 1}), *HEAD],
    "maxpool of odd sides": [
        FIRST, conv(5, 2, pad=0, activation="linear"), ("maxpool", {"size": 2, "stride": 2}),
        ("maxpool", {"size": 3, "stride": 2}), ("maxpool", {"size": 3, "stride": 1, "padding": 1}), *HEAD],
    "spatial pyramid": [
        FIRST, ("maxpool", {"stride": 1, "size": 5}), ("route", {"layers": -2}), ("maxpool", {"stride": 1, "size": 9}),
        ("route", {"layers": "-1,-3,0"}), *HEAD],
    "shortcuts": [
        FIRST, conv(8, activation="mish"), conv(8, 3, activation="leaky"), ("shortcut", {"from": -3, "activation": "leaky"}),
        ("dropout", {"probability": 0.2}), ("shortcut", {"from": "-2,0", "activation": "linear"}), *HEAD],
    "shortcuts to more and to fewer channels": [
        FIRST, conv(12, 3, activation="leaky"), ("shortcut", {"from": -2, "activation": "leaky"}),
        conv(5, activation="linear"), ("shortcut", {"from": "-2,0", "activation": "linear"}), *HEAD],
    "activations": [
        conv(8, 3, activation="swish"), conv(8, activation="silu"), conv(8, activation="relu6"),
        conv(8, activation="tanh"), conv(8, activation="elu"), *HEAD],
    "squeeze and excite": [
        FIRST, ("avgpool", {}), conv(4, activation="swish"), conv(8, activation="logistic"),
        ("scale_channels", {"from": -4}), conv(16, activation="linear"), yolo()],
    "a factor for each pixel, and spatial attention": [
        FIRST, conv(1, activation="logistic"), ("scale_channels", {"from": -2, "scale_wh": 1, "activation": "leaky"}),
        conv(8, activation="logistic"), ("sam", {"from": -2}), *HEAD],
    "routes with groups": [
        FIRST, ("route", {"layers": -1, "groups": 2, "group_id": 1}), conv(4, activation="leaky"),
        ("route", {"layers": "-1,0", "groups": 2, "group_id": 0}), ("route", {"layers": "-2, 1"}), *HEAD],
    "two heads, upsample": [
        FIRST, ("maxpool", {"size": 2, "stride": 2}), conv(16, activation="linear"), yolo("1,2", scale_x_y=1.05),
        ("route", {"layers": -3}), ("upsample", {"stride": 2}), ("route", {"layers": "-1,0"}), conv(8, activation="linear"),
        yolo("0", scale_x_y=1.2)],
    "upsample with a scale": [FIRST, ("upsample", {"stride": 3, "scale": 0.5}), *HEAD],
    "new coordinates": [FIRST, conv(16, activation="logistic"), yolo(scale_x_y=2, new_coords=1)],
    "YOLOv2": [
        FIRST, ("reorg", {"stride": 2}), conv(18, activation="linear"),
        ("region", {"anchors": "0.6,0.7, 1.9,2.1", "num": 2, "classes": 4, "coords": 4, "softmax": 1, "thresh": 0.6})],
    "YOLOv2 without softmax": [
        FIRST, conv(9, activation="linear"), ("region", {"anchors": "0.6,0.7", "num": 1, "classes": 4, "coords": 4})],
}  # fmt: skip


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0, 1, (2, 3, 16, 24)).astype(np.float32)


def _every_layer(model: onnx.ModelProto, images) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """The last node of each layer, by number, and the answer, by onnx's own evaluator."""
    last = {int(node.name.split("_")[0]): node.output[0] for node in model.graph.node if "/" in node.name}
    answer = model.graph.output[0].name
    del model.graph.output[:]
    for name in [*last.values(), answer]:
        model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    *of_layers, whole = ReferenceEvaluator(model).run(None, {"images": images})
    return dict(zip(last, of_layers, strict=True)), whole


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_against_plain_numpy(tmp_path, images, name):
    expected, numbers = outputs([NET, *NETWORKS[name]], images, np.random.default_rng(1))
    made = write(tmp_path, [NET, *NETWORKS[name]], numbers)
    model = convert(made.cfg, made.weights)
    onnx.save(model, tmp_path / "net.onnx")
    found, whole = _every_layer(model, images)
    assert len(found) >= len(expected) - 2  # a dropout has no node, nor has a route of one layer
    for number, output in found.items():
        np.testing.assert_allclose(output, expected[number], rtol=2e-4, atol=2e-5, err_msg=f"layer {number}")
    heads = [e for e, (kind, _) in zip(expected, NETWORKS[name], strict=True) if kind in ("yolo", "region")]
    answer = np.concatenate(heads, axis=2)
    np.testing.assert_allclose(whole, answer, rtol=2e-4, atol=2e-5)
    # And as it is used.
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    for batch in (images, images[:1]):
        network.setInput(batch)
        np.testing.assert_allclose(network.forward(), answer[: len(batch)], rtol=1e-3, atol=1e-3)


def test_a_fixed_batch(tmp_path, images):
    network = [NET, *NETWORKS["two heads, upsample"]]
    expected, numbers = outputs(network, images, np.random.default_rng(1))
    made = write(tmp_path, network, numbers)
    model = convert(made.cfg, made.weights, batch=2)
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in shape] == [2, 3, 16, 24]
    answer = ReferenceEvaluator(model).run(None, {"images": images})[0]
    np.testing.assert_allclose(answer, np.concatenate([expected[3], expected[8]], axis=2), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("version", "long"), [((0, 1, 0), False), ((0, 2, 0), True), ((0, 2, 5), True), ((1, 0, 0), True)]
)
def test_the_headers_of_all_versions(tmp_path, images, version, long):
    network = [NET, FIRST, *HEAD]
    _, numbers = outputs(network, images, np.random.default_rng(1))
    header = np.array(version, "<i4").tobytes() + np.array([7], "<u8" if long else "<u4").tobytes()
    made = write(tmp_path / "made", network, numbers, header)
    usual = write(tmp_path / "usual", network, numbers)
    assert convert(made.cfg, made.weights) == convert(usual.cfg, usual.weights)


@pytest.mark.coco
@pytest.mark.parametrize(("name", "weights", "boxes"), [("yolov3", 62_001_757, 567), ("yolov3-tiny", 8_858_734, 135)])
def test_the_original_cfg_files_with_random_weights(shared_coco, tmp_path, name, weights, boxes):
    """As many weights as the published files have, 248,007,048 bytes for YOLOv3; an input of 96 pixels to be quick."""
    cfg = shared_coco / f"weights/{name}.cfg"
    numbers = random_weights(cfg, np.random.default_rng(0))
    assert len(numbers) == weights
    made = write(tmp_path, [], numbers)
    model = convert(cfg, made.weights, size=96)
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim][1:] == [84, boxes]
    onnx.save(model, tmp_path / "net.onnx")
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    network.setInput(np.random.default_rng(1).uniform(0, 1, (1, 3, 96, 96)).astype(np.float32))
    answer = network.forward()
    assert answer.shape == (1, 84, boxes)
    assert np.isfinite(answer).all()
    assert answer[0, 4:].std() > 1e-3


@pytest.fixture(scope="module")
def fastest(shared_coco, tmp_path_factory):
    """The real YOLO-Fastest 1.1-xl as ONNX."""
    path = tmp_path_factory.mktemp("fastest") / "yolo-fastest-1.1-xl.onnx"
    cfg = shared_coco / "weights/yolo-fastest-1.1-xl.cfg"
    darknet_to_onnx(cfg, cfg.with_suffix(".weights"), path)
    return path


@pytest.mark.coco
def test_yolo_fastest_sees_dog_bicycle_and_car(shared_coco, fastest):
    names = read_names(shared_coco / "weights/coco.names")
    network = Network(fastest, "darknet", DETECTOR_FAMILIES["darknet"], stretched=True)  # as it was trained
    place, blob = network.prepare(cv2.imread(str(shared_coco / "images/photos/dog.jpg")))
    corners, of_class, score = box_non_max_suppression(*network.detect(blob)[0], 0.3, 0.45)
    boxes = place.to_image(corners)
    best = {}
    for box, c in zip(boxes, of_class, strict=True):
        best.setdefault(names[c], box)
    # The boxes that Darknet's own README shows for this photograph, read off by eye.
    for name, box in {"dog": [131, 219, 310, 541], "bicycle": [121, 120, 567, 420], "car": [466, 74, 690, 173]}.items():
        found = best[name] if name in best or name != "car" else best["truck"]
        sized = [np.array([[*b[:2], b[2] - b[0], b[3] - b[1]]], float) for b in (found, box)]
        assert mask.iou(*sized, [0])[0, 0] > 0.5, name
    assert (score > 0.3).all()


@pytest.mark.coco
def test_weights_that_are_cut_off_or_of_another_network(shared_coco, tmp_path):
    cfg = shared_coco / "weights/yolo-fastest-1.1-xl.cfg"
    whole = (shared_coco / "weights/yolo-fastest-1.1-xl.weights").read_bytes()
    path = tmp_path / "x.weights"
    path.write_bytes(whole[:2_000_000])
    with pytest.raises(
        UserError,
        match=r"x\.weights: 2,000,000 bytes.*take 3,693,964: it ends within .*cfg, line \d+, \[conv.*\(layer \d+\)",
    ):
        convert(cfg, path)
    path.write_bytes(whole + b"1234")
    with pytest.raises(UserError, match=r"3,693,968 bytes.*take 3,693,964: 4 bytes are left over"):
        convert(cfg, path)
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"x\.weights"):
        convert(shared_coco / "weights/yolov3-tiny.cfg", path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes, a Darknet weights file has a header"),
        (b"x" * 15, "15 bytes"),
        (b"PK\x03\x04" * 9, "not a Darknet weights file, the header says version"),
        (np.array([0, 2, 0], "<i4").tobytes() + b"\0" * 5, "17 bytes, .* header of 20"),
    ],
)
def test_a_file_that_is_no_weights_file(tmp_path, content, message):
    made = write(tmp_path, [NET, FIRST, *HEAD], np.zeros(0), content)
    with pytest.raises(UserError, match=rf"net\.weights: .*{message}"):
        convert(made.cfg, made.weights)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([FIRST, ("connected", {"output": 10})], r"net\.cfg, line 17, \[connected\] \(layer 1\): no such layer .*\[convolutional\]"),
        ([FIRST, ("gaussian_yolo", {"classes": 3})], r"\[gaussian_yolo\] \(layer 1\): no such layer"),
        ([FIRST, ("crnn", {"output": 10})], r"\[crnn\] \(layer 1\): no such layer"),
        ([FIRST, *HEAD[:1], yolo(embedding_layer=3)], r"embedding_layer=3: this changes what the layer computes"),
        ([FIRST, conv(8, 3, xnor=1)], r"net\.cfg, line 22, \[convolutional\]: xnor=1: this changes what the layer computes"),
        ([FIRST, conv("many")], r"line 18, \[convolutional\]: filters=many: a whole number was expected"),
        ([FIRST, conv(8, 0)], r"size=0: a whole number of at least 1"),
        ([FIRST, conv(8, groups=3)], r"groups=3: .*cannot be divided into 3 groups"),
        ([FIRST, conv(8, activation="stair")], r"activation=stair: an activation of elu, leaky, linear, logistic, mish, relu"),
        ([FIRST, conv(8, 40, pad=0)], r"layer 1\): a kernel of 40 × 40 does not fit into 8 × 16 × 24"),
        ([FIRST, ("shortcut", {"from": -3})], r"from=-3: layers from 0 to 0"),
        ([FIRST, ("route", {"layers": "1"})], r"layers=1: layers from 0 to 0"),
        ([FIRST, ("route", {})], r"layer 1\): layers is missing"),
        ([FIRST, conv(8, stride=2), ("shortcut", {"from": -2})], r"from=-2: 8 × 16 × 24 and 8 × 8 × 12 cannot be added"),
        ([FIRST, conv(4), ("scale_channels", {"from": -2})], r"from=-2: 8 × 16 × 24 cannot be scaled by 4 × 16 × 24"),
        ([FIRST, conv(4), ("sam", {"from": -2})], r"from=-2: 8 × 16 × 24 cannot be multiplied by 4 × 16 × 24"),
        ([FIRST, conv(4, stride=2), ("route", {"layers": "-1,-2"})], r"cannot be put together"),
        ([FIRST, ("shortcut", {"from": -1, "weights_type": "per_feature"})], r"weights_type=per_feature"),
        ([FIRST, yolo()], r"2 anchors × \(5 \+ 3 classes\) = 16 channels were expected, the layer before has 8"),
        ([conv(8), yolo("0,7")], r"mask=0,7: numbers of anchors from 0 to 2"),
        ([conv(8), ("yolo", {"anchors": "1,2", "num": 3})], r"num=3 anchors, 6 numbers, were expected, there are 2"),
        ([FIRST], r"net\.cfg: the network has no head"),
        ([FIRST, *HEAD, conv(14), yolo(classes=2)], r"classes=2: the heads before have 3 classes"),
    ],
)  # fmt: skip
def test_a_cfg_that_makes_no_network(tmp_path, layers, message):
    made = write(tmp_path, [NET, *layers], np.full(100_000, 0.5))
    with pytest.raises(UserError, match=message):
        convert(made.cfg, made.weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x\.cfg: a Darknet cfg was expected, one that begins with \[net\]"),
        ("[convolutional]\n", r"one that begins with \[net\]"),
        ("width=3\n[net]", r"x\.cfg, line 1: 'width=3' stands before the first \[section\]"),
        ("[net]\nwidth 3", r"x\.cfg, line 2: 'width 3' is neither a \[section\] nor key=value"),
        ("[net\nwidth=3", r"x\.cfg, line 1: '\[net' is no \[section\]"),
    ],
)
def test_a_text_that_is_no_cfg(tmp_path, text, message):
    (tmp_path / "x.cfg").write_text(text)
    with pytest.raises(UserError, match=message):
        read_cfg(tmp_path / "x.cfg")


def test_a_binary_that_is_no_cfg(tmp_path):
    (tmp_path / "x.cfg").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(UserError, match=r"x\.cfg: not a text file"):
        read_cfg(tmp_path / "x.cfg")


@pytest.mark.parametrize(
    ("encoding", "before"),
    [
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("gbk", "# 网络\n"),
        ("latin-1", "# Größe\n"),
        ("cp1252", "# “smart” quotes\n"),
    ],
)
def test_byte_order_marks_and_other_encodings_are_read(tmp_path, encoding, before):
    (tmp_path / "x.cfg").write_bytes((before + "[net]\nwidth=64\n[convolutional]\nfilters=3\n").encode(encoding))
    net, (layer,) = read_cfg(tmp_path / "x.cfg")
    assert (net.integer("width", 0), layer.integer("filters", 0)) == (64, 3)


def test_tiny_negative_variances_are_darknet_s_own(tmp_path, images):
    """Darknet adds 1e-5 before the root; a variance of -1e-6 is one of 9e-6 then."""
    network = [NET, conv(1, batch_normalize=1, activation="linear"), conv(8, activation="linear"), yolo("0")]
    variance = -1e-6
    bias, scale, mean, kernel = 0.5, 2.0, 0.25, np.array([0.1, 0.2, 0.3])
    numbers = np.concatenate([[bias, scale, mean, variance], kernel, np.zeros(8 + 8)])
    made = write(tmp_path, network, numbers)
    found, _ = _every_layer(convert(made.cfg, made.weights), images)
    expected = (np.tensordot(kernel, images, (0, 1)) - mean) / (1e-5 + variance) ** 0.5 * scale + bias
    np.testing.assert_allclose(found[0][:, 0], expected, rtol=1e-4)
    numbers[3] = -0.5
    made = write(tmp_path, network, numbers)
    with pytest.raises(UserError, match="negative variance"):
        convert(made.cfg, made.weights)


def test_a_size_that_is_no_multiple_of_the_stride_gets_a_suggestion(tmp_path):
    down = ("maxpool", {"size": 2, "stride": 2})
    network = [NET, FIRST, down, ("upsample", {"stride": 2}), ("route", {"layers": "-1,0"}), conv(16), yolo()]
    made = write(tmp_path, network, np.zeros(10))
    with pytest.raises(UserError, match=r"(?i)an input of 401 × 401 is no multiple of 32.*384 or 416"):
        convert(made.cfg, made.weights, size=401)


def test_sizes_are_compared_before_memory_is_taken(tmp_path):
    """A layer of several GB is told from the file's size, without an array of it."""
    network = [NET, FIRST, conv(60_000, 60, batch_normalize=1), conv(16), yolo()]
    made = write(tmp_path, network, np.zeros(1000))
    with pytest.raises(UserError, match=r"4,020 bytes, but the layers .* take [\d,]{12,}: it ends within .*layer 1\)"):
        convert(made.cfg, made.weights)
    with pytest.raises(UserError, match="8192 at most"):
        convert(made.cfg, made.weights, size=1_000_000)


def test_other_spellings_are_read(tmp_path):
    (tmp_path / "x.cfg").write_text(
        "# a comment\n[network]\nwidth=5 # five\n;another\n[conv]\nfilters = 1 \nfilters=2\n"
    )
    net, (layer,) = read_cfg(tmp_path / "x.cfg")
    assert (net.kind, net.integer("width", 0)) == ("net", 5)
    assert (layer.kind, layer.integer("filters", 0), layer.line) == ("convolutional", 1, 5)


def test_a_key_that_is_not_known_is_named(tmp_path, capsys):
    network = [NET, FIRST, conv(16, activation="linear", filers=3), yolo(jitter=0.3)]
    _, numbers = outputs(network, np.zeros((1, 3, 16, 24)), np.random.default_rng(1))
    made = write(tmp_path, network, numbers)
    convert(made.cfg, made.weights)
    told = capsys.readouterr().err
    assert "net.cfg, line 23, [convolutional]: filers is not known" in told
    assert told.count("not known") == 1
