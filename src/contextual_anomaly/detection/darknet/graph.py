"""A growing ONNX graph, and the shape of each tensor in it."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 13, 8  # read by OpenCV 4 and 5, and by every ONNX Runtime of the last years


@dataclass(frozen=True)
class Tensor:
    """Name and shape [batch, channels, height, width] of a layer's output; the batch is open."""

    name: str
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> str:
        """Return the shape for messages."""
        return f"{self.channels} × {self.height} × {self.width}"


class Graph:
    """Nodes and weights in the order in which they are added.

    Attributes:
        part: Beginning of the names of the next nodes.
    """

    def __init__(self, dry: bool = False) -> None:
        """Begin an empty graph; a dry one keeps no weights, and serves to count them."""
        self._dry = dry
        self.part = ""
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str | np.ndarray, output: str = "", **attributes) -> str:
        """Add a node; arrays among its inputs become weights. Return its output's name."""
        output = output or f"{self.part}{kind}_{len(self._nodes)}"
        names = [
            given if isinstance(given, str) else self._weight(f"{output}_{place}", given)
            for place, given in enumerate(inputs)
        ]
        self._nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def _weight(self, name: str, value: np.ndarray) -> str:
        """Add a weight; return its name."""
        if not self._dry:
            self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def model(
        self, name: str, image: Tensor, output: str, shape: tuple[int, int], batch: int | None
    ) -> onnx.ModelProto:
        """Return the graph as a model.

        Args:
            name: Of the graph.
            image: The input.
            output: Name of the output.
            shape: Of the output, without the batch.
            batch: Images at a time; None for any number.

        Raises:
            onnx.checker.ValidationError: The graph is not valid.
        """
        size = "batch" if batch is None else batch
        graph = helper.make_graph(
            self._nodes,
            name,
            [
                helper.make_tensor_value_info(
                    image.name, TensorProto.FLOAT, [size, image.channels, image.height, image.width]
                )
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [size, *shape])],
            self._weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="contextual_anomaly",
        )
        onnx.checker.check_model(model, full_check=True)
        return model
