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
from contextual_anomaly.world.detector import network
from contextual_anomaly.world.detector.network import COLOURS, CORE, FAR, HEIGHT, NEAR, SHRINKS, STRIDE, WIDTH

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

    def conv(self, x: str, kernel: str, bias: str | None = None, after: int = 0) -> str:
        """Add a convolution by weights of this name, padded by ``after`` zeros on the right and below."""
        side = self.weights[kernel].shape[2]
        inputs = (x, kernel) if bias is None else (x, kernel, bias)
        return self.add("Conv", *inputs, kernel_shape=[side, side], pads=[0, 0, after, after])

    def slice(self, x: str, first: tuple[int, ...], last: tuple[int, ...], axes: tuple[int, ...]) -> str:
        """Add a slice from ``first`` up to ``last`` along ``axes``."""
        return self.add("Slice", x, *(self.integers(v) for v in (first, last, axes)))

    def integers(self, values: tuple[int, ...]) -> str:
        """Add a weight of whole numbers."""
        return self.weight("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def mean(self, x: str, by: int) -> str:
        """Add a mean over squares of ``by`` × ``by`` pixels."""
        return self.add("AveragePool", x, kernel_shape=[by, by], strides=[by, by])


def export(trained: dict, names: tuple[str, ...], path: str | Path) -> None:
    """Write the detector as ONNX.

    Args:
        trained: From `training.train`.
        names: The C classes, in the order of the network's answers.
        path: The file to write.
    """
    graph = Graph()
    _weights(graph, trained)
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


def _weights(graph: Graph, trained: dict) -> None:
    """Add all weights, shared by all sizes: fixed filters, and trained layers with the features' scale folded in."""
    params = trained["params"]
    first = params["first"]["kernel"] / trained["scale"][:, None]
    bias = params["first"]["bias"] - trained["mean"] @ first
    ends = np.cumsum([CORE**2 * len(COLOURS), NEAR**2 * 2, NEAR**2, FAR**2])[:-1]
    colours, steps, near, far = np.split(first, ends)
    # The network takes one distance of two colours; the graph has three absolute differences, which it adds up.
    near, far = (np.repeat(part, 3, axis=0) for part in (near, far))
    parts = [
        _by_squares(colours, CORE),
        _by_squares(steps, NEAR),
        _by_squares(near, NEAR),
        far,
    ]
    graph.weight("first", np.concatenate(parts).T[:, :, None, None].astype(np.float32))
    graph.weight("first_bias", bias.astype(np.float32))
    graph.weight("colours", COLOURS[:, :3, None, None])
    graph.weight("colours_bias", COLOURS[:, 3])
    # From a patch to its right, and to its lower, neighbour; each of the three channels by itself, then added up.
    filters = np.zeros((2, 3, 3, 2, 2), np.float32)
    filters[:, range(3), range(3), 0, 0] = -1
    filters[0, range(3), range(3), 0, 1] = 1
    filters[1, range(3), range(3), 1, 0] = 1
    graph.weight("steps", filters.reshape(6, 3, 2, 2))
    graph.weight("steps_sum", np.repeat(np.eye(2, dtype=np.float32), 3, axis=1)[:, :, None, None])
    for layer in ("second", "answer"):
        graph.weight(layer, params[layer]["kernel"].T[:, :, None, None])
        graph.weight(f"{layer}_bias", params[layer]["bias"])


def _by_squares(weights: np.ndarray, side: int) -> np.ndarray:
    """Reorder the weights of a window's patches from row by row to the order of its 2 × 2 squares."""
    rows, hidden = weights.shape
    squares = weights.reshape(side // 2, 2, side // 2, 2, rows // side**2, hidden)
    return squares.transpose(0, 2, 1, 3, 4, 5).reshape(rows, hidden)


def _windows(graph: Graph, x: str, size: int, step: int, rows: int, columns: int) -> str:
    """Add the patches around each cell as channels: cheap copies in place of a slow convolution with large filters."""
    before, after = (size - step + 1) // 2, (size - step) // 2
    x = graph.add("Pad", x, graph.integers((0, 0, before, before, 0, 0, after, after)))
    if step > 1:
        x = graph.add("SpaceToDepth", x, blocksize=step)
    shifts = range(size // step)
    parts = [graph.slice(x, (i, j), (i + rows, j + columns), (2, 3)) for i in shifts for j in shifts]
    return graph.add("Concat", *parts, axis=1)


def _from_center(graph: Graph, windows: str, center: str, patches: int) -> str:
    """Add the absolute differences of each patch's three channels from the cell's own."""
    centers = graph.add("Concat", *[center] * patches, axis=1)
    return graph.add("Abs", graph.add("Sub", windows, centers))


def _one_size(graph: Graph, shrink: int, classes: int) -> tuple[str, str]:
    """Add the network on the image shrunk by ``shrink``; return the names of boxes [1, 4, n] and scores [1, C, n]."""
    image = graph.mean("images", shrink) if shrink > 1 else "images"
    finest = graph.mean(image, 2)
    fine = graph.mean(finest, 2)
    coarse = graph.mean(fine, 2)
    colours = graph.mean(graph.add("Relu", graph.conv(finest, "colours", "colours_bias")), 2)
    steps = graph.conv(graph.add("Abs", graph.conv(fine, "steps", after=1)), "steps_sum")
    rows, columns = HEIGHT // shrink // STRIDE, WIDTH // shrink // STRIDE
    features = graph.add(
        "Concat",
        _windows(graph, colours, CORE, 2, rows, columns),
        _windows(graph, steps, NEAR, 2, rows, columns),
        _from_center(graph, _windows(graph, fine, NEAR, 2, rows, columns), coarse, NEAR**2),
        _from_center(graph, _windows(graph, coarse, FAR, 1, rows, columns), coarse, FAR**2),
        axis=1,
    )
    hidden = graph.add("Relu", graph.conv(features, "first", "first_bias"))
    hidden = graph.add("Relu", graph.conv(hidden, "second", "second_bias"))
    shape = graph.integers((1, 5 + classes, rows * columns))
    answers = graph.add("Reshape", graph.conv(hidden, "answer", "answer_bias"), shape)

    def rows_of(first: int, last: int) -> str:
        return graph.slice(answers, (first,), (last,), (1,))

    pixels = graph.weight(f"stride_{shrink}", np.array(STRIDE * shrink, np.float32))
    before, after = (graph.add("Mul", graph.add("Exp", rows_of(*r)), pixels) for r in ((0, 2), (2, 4)))
    center = graph.weight(f"centers_{shrink}", shrink * network.cells(rows, columns).T[None])
    half = graph.weight("half", np.array(0.5, np.float32))
    middle = graph.add("Add", center, graph.add("Mul", graph.add("Sub", after, before), half))
    boxes = graph.add("Concat", middle, graph.add("Add", before, after), axis=1)
    there = graph.add("Sigmoid", rows_of(4, 5))
    which = graph.add("Softmax", rows_of(5, 5 + classes), axis=1)
    score = graph.add("Mul", which, there)
    return boxes, graph.add("Mul", score, score)
