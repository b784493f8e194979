"""Write the trained detector as an ONNX graph of the YOLOv8 family.

Input `images` [1, 3, HEIGHT, WIDTH]: red, green, blue in 0 to 1. Output `output0` [1, 4 + C, N]: box centre, width and
height in pixels of the input, then the confidence in each class in 0 to 1. The metadata's `names` lists the classes as Ultralytics does.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.world.detector.geometry import CAUTION, HEIGHT, LAYERS, SHRINKS, STRIDE, WIDTH, cells, padding
from contextual_anomaly.world.detector.weights import Weights

OPSET, IR = 17, 9  # read by OpenCV 4 and 5, and by every ONNX Runtime of the last years


class Graph:
    """A growing ONNX graph; each method adds a node or a weight and returns its name."""

    def __init__(self) -> None:
        """Begin an empty graph."""
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes) -> str:
        """Add a node of ``kind``; return its output's name."""
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, value: np.ndarray) -> str:
        """Add a weight."""
        self.weights[name] = np.ascontiguousarray(value)
        return name

    def conv(self, x: str, layer: str, step: int = 1) -> str:
        """Add a convolution by the weights of a layer."""
        side = self.weights[layer].shape[2]
        before, after = padding(side, step)
        sides = {"kernel_shape": [side, side], "strides": [step, step], "pads": [before, before, after, after]}
        return self.add("Conv", x, layer, f"{layer}_bias", **sides)

    def slice(self, x: str, first: tuple[int, ...], last: tuple[int, ...], axes: tuple[int, ...]) -> str:
        """Add a slice from ``first`` up to ``last`` along ``axes``."""
        return self.add("Slice", x, *(self.integers(v) for v in (first, last, axes)))

    def integers(self, values: tuple[int, ...]) -> str:
        """Add a weight of whole numbers."""
        return self.weight("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Add a weight of one number."""
        return self.weight(f"number_{value}", np.array(value, np.float32))

    def mean(self, x: str, by: int) -> str:
        """Add a mean over squares of ``by`` × ``by`` pixels."""
        return self.add("AveragePool", x, kernel_shape=[by, by], strides=[by, by])


def export(weights: Weights, names: tuple[str, ...], path: str | Path) -> None:
    """Write the detector as ONNX.

    Args:
        weights: Of each layer.
        names: The C classes, in the order of the network's answers.
        path: The file to write.
    """
    graph = Graph()
    for layer, (kernel, bias) in weights.items():
        graph.weight(layer, kernel.transpose(3, 2, 0, 1))
        graph.weight(f"{layer}_bias", bias)
    parts = [_one_size(graph, shrink, len(names)) for shrink in SHRINKS]
    boxes = graph.add("Concat", *(p[0] for p in parts), axis=2)
    scores = graph.add("Concat", *(p[1] for p in parts), axis=2)
    graph.add("Concat", boxes, scores, output="output0", axis=1)
    count = sum((HEIGHT // s // STRIDE) * (WIDTH // s // STRIDE) for s in SHRINKS)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "synthetic world detector",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
            [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + len(names), count])],
            [numpy_helper.from_array(value, name) for name, value in graph.weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="contextual_anomaly",
    )
    helper.set_model_props(
        model, {"names": json.dumps(dict(enumerate(names))), "task": "detect", "stride": str(STRIDE)}
    )
    onnx.checker.check_model(model, full_check=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _one_size(graph: Graph, shrink: int, classes: int) -> tuple[str, str]:
    """Add the network on the image shrunk by ``shrink``; return the names of boxes [1, 4, n] and scores [1, C, n]."""
    x = graph.mean("images", shrink) if shrink > 1 else "images"
    x = graph.add("Sub", graph.add("Mul", x, graph.number(4)), graph.number(2))
    for layer, (_, _, step, added) in LAYERS.items():
        y = graph.conv(x, layer, step)
        x = graph.add("Relu", graph.add("Add", x, y) if added else y)
    rows, columns = HEIGHT // shrink // STRIDE, WIDTH // shrink // STRIDE
    shape = graph.integers((1, 5 + classes, rows * columns))
    answers = graph.add("Reshape", graph.conv(x, "answer"), shape)

    def rows_of(first: int, last: int) -> str:
        return graph.slice(answers, (first,), (last,), (1,))

    pixels = graph.weight(f"stride_{shrink}", np.array(STRIDE * shrink, np.float32))
    before, after = (graph.add("Mul", graph.add("Exp", rows_of(*r)), pixels) for r in ((0, 2), (2, 4)))
    center = graph.weight(f"centers_{shrink}", shrink * cells(rows, columns).T[None])
    half = graph.number(0.5)
    middle = graph.add("Add", center, graph.add("Mul", graph.add("Sub", after, before), half))
    boxes = graph.add("Concat", middle, graph.add("Add", before, after), axis=1)
    there = graph.add("Sigmoid", rows_of(4, 5))
    which = graph.add("Softmax", rows_of(5, 5 + classes), axis=1)
    return boxes, graph.add("Pow", graph.add("Mul", which, there), graph.number(CAUTION))
