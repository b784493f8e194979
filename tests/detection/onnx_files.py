"""ONNX files of constant outputs, laid out as exporters lay them out."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64
"""Pixels of the input's sides: 64 + 16 + 4 = 84 cells of 8, 16 and 32 pixels."""
CELLS = 84


def write_onnx(
    path: Path,
    outputs: dict[str, np.ndarray],
    metadata: dict | None = None,
    shape: tuple = (1, 3, SIDE, SIDE),
    kind: int = TensorProto.FLOAT,
    more_inputs: tuple[str, ...] = (),
) -> Path:
    """Write a network whose outputs are constants, plus nothing times the image's mean."""
    nodes, x = [], "images"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [x], ["as_float"], to=TensorProto.FLOAT))
        x = "as_float"
    nodes += [
        helper.make_node("ReduceMean", [x], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    stored = [numpy_helper.from_array(np.zeros(1, np.float32), "zero")]
    for name, value in outputs.items():
        stored.append(numpy_helper.from_array(np.asarray(value, np.float32), f"{name}_constant"))
        nodes.append(helper.make_node("Add", [f"{name}_constant", "nothing"], [name]))
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in more_inputs]
    answers = [helper.make_tensor_value_info(n, TensorProto.FLOAT, np.shape(v)) for n, v in outputs.items()]
    graph = helper.make_graph(nodes, "constants", inputs, answers, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if metadata:
        helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.save(model, path)
    return path


def yolov8(classes: int = 3, extra: int = 0, boxes: int = CELLS, scale: float = 1) -> np.ndarray:
    """[1, 4 + C + extra, boxes]: one object of the second class, 0.9, at x 22 to 42 and y 27 to 37."""
    output = np.full((1, 4 + classes + extra, boxes), 1e-3, np.float32)
    # Boxes of no confidence, all over the input.
    output[0, :2] = np.linspace(4, 60, boxes)
    output[0, 2:4] = 8
    output[0, :4, 0] = 32, 32, 20, 10
    output[0, 4 + min(1, classes - 1), 0] = 0.9
    output[0, :4] *= scale
    return output


def yolov5(classes: int = 3, extra: int = 0, boxes: int = 3 * CELLS) -> np.ndarray:
    """[1, boxes, 5 + C + extra]: the same object."""
    of_v8 = yolov8(classes, extra, boxes)
    return np.concatenate([of_v8[:, :4], np.ones((1, 1, boxes)), of_v8[:, 4:]], axis=1).transpose(0, 2, 1)


def end2end(extra: int = 0, boxes: int = 300, scale: float = 1) -> np.ndarray:
    """[1, boxes, 6 + extra]: the same object, then rows that fill up."""
    output = np.zeros((1, boxes, 6 + extra), np.float32)
    output[0, 0, :6] = 22 * scale, 27 * scale, 42 * scale, 37 * scale, 0.9, 1
    return output


def yolox(classes: int = 3, decoded: bool = False) -> np.ndarray:
    """[1, cells, 5 + C]: the same object, from the cell of stride 8 at column 4 and row 4."""
    output = np.full((1, CELLS, 5 + classes), 1e-3, np.float32)
    if decoded:
        output[0] = yolov5(classes, boxes=CELLS)[0]
        return output
    output[0, 36] = [0, 0, np.log(20 / 8), np.log(10 / 8), 1, *(0.9 * (np.arange(classes) == 1))]
    return output
