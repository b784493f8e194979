"""Darknet's heads: decode boxes and confidences from the output of the last convolution."""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.detection.darknet.cfg import CfgSection
from contextual_anomaly.detection.darknet.graph import Graph, Tensor


@dataclass(frozen=True)
class Head:
    """A head's output, the tensor ``name`` [batch, 4 + classes, boxes], in the layout of Ultralytics' YOLOv8.

    A column is a box: its centre and size in pixels of the input, and the confidence in each class, objectness included.
    """

    name: str
    classes: int
    boxes: int


def yolo(graph: Graph, layer: CfgSection, x: Tensor, image: Tensor) -> Head:
    """Add the head of YOLOv3 and v4: anchors in pixels of the input, classes that do not exclude each other.

    After Redmon and Farhadi, "YOLOv3: An Incremental Improvement" (arXiv 1804.02767); scale_x_y is of Bochkovskiy et al.,
    "YOLOv4" (2004.10934), new_coords of Wang et al., "Scaled-YOLOv4" (2011.08036).
    """
    anchors = _anchors(layer)
    mask = layer.integers("mask") or list(range(len(anchors)))
    if not all(0 <= number < len(anchors) for number in mask):
        raise layer.error(f"numbers of anchors from 0 to {len(anchors) - 1} were expected.", "mask")
    scale = layer.number_of("scale_x_y", 1)
    new = bool(layer.integer("new_coords", 0))
    boxes = _Cells(graph, layer, x, image, len(mask))
    return boxes.head(
        anchors[mask],
        # With new_coords the convolution before has its own logistic activation.
        probability=(lambda name: name) if new else (lambda name: graph.add("Sigmoid", name)),
        growth=(lambda name: graph.add("Mul", graph.add("Mul", name, name), np.array([4], np.float32)))
        if new
        else None,
        scale=scale,
        softmax=False,
    )


def region(graph: Graph, layer: CfgSection, x: Tensor, image: Tensor) -> Head:
    """Add the head of YOLOv2: anchors in cells, mutually exclusive classes.

    After Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger" (arXiv 1612.08242).
    """
    cell = [image.width / x.width, image.height / x.height]
    anchors = _anchors(layer) * cell
    return _Cells(graph, layer, x, image, len(anchors)).head(
        anchors,
        probability=lambda name: graph.add("Sigmoid", name),
        growth=None,
        scale=1,
        softmax=bool(layer.integer("softmax", 0)),
    )


HEADS = {"yolo": yolo, "region": region}


def _anchors(layer: CfgSection) -> np.ndarray:
    """Return width and height of each anchor, [num, 2]."""
    numbers, count = layer.numbers("anchors"), layer.integer("num", 1, 1)
    if len(numbers) != 2 * count:
        raise layer.error(
            f"num={count} anchors, {2 * count} numbers, were expected, there are {len(numbers)}.", "anchors"
        )
    if min(numbers) <= 0:
        raise layer.error("sizes above 0 were expected.", "anchors")
    return np.reshape(numbers, (-1, 2))


class _Cells:
    """The convolution's output [batch, anchors · (5 + classes), H, W] as [batch, anchors, 5 + classes, H · W]."""

    def __init__(self, graph: Graph, layer: CfgSection, x: Tensor, image: Tensor, anchors: int) -> None:
        """Add the reshaping; ``image`` is the network's input."""
        self.classes = layer.integer("classes", 20, 1)
        rows = 5 + self.classes
        if x.channels != anchors * rows:
            raise layer.error(
                f"{anchors} anchors × (5 + {self.classes} classes) = {anchors * rows} channels were expected, "
                f"the layer before has {x.channels}."
            )
        self.graph, self.x, self.image, self.anchors = graph, x, image, anchors
        self.name = graph.add("Reshape", x.name, np.array([0, anchors, rows, x.height * x.width]))

    def head(self, anchors: np.ndarray, probability, growth, scale: float, softmax: bool) -> Head:
        """Decode: centres are (cell + probability) · stride, sizes anchor · growth.

        Args:
            anchors: [A, 2] in pixels of the input.
            probability: Adds nodes that turn logits into probabilities.
            growth: Adds nodes that turn numbers into factors of the anchors; None for the exponential.
            scale: scale_x_y, by which centres reach beyond their cell.
            softmax: Whether the classes exclude each other.
        """
        graph, x = self.graph, self.x
        add, rows = graph.add, self._rows
        y, column = np.mgrid[: x.height, : x.width].astype(np.float32)
        grid = np.stack([column.ravel(), y.ravel()])[None, None] - np.float32((scale - 1) / 2)
        stride = np.array([self.image.width / x.width, self.image.height / x.height], np.float32)[None, None, :, None]
        centre = probability(rows(0, 2))
        if scale != 1:
            centre = add("Mul", centre, np.array([scale], np.float32))
        centre = add("Mul", add("Add", centre, grid), stride)
        growth = growth or (lambda name: add("Exp", name))
        size = add("Mul", growth(rows(2, 4)), anchors.astype(np.float32)[None, :, :, None])
        classes = rows(5, 5 + self.classes)
        classes = add("Softmax", classes, axis=2) if softmax else probability(classes)
        confidence = add("Mul", classes, probability(rows(4, 5)))
        name = add("Concat", centre, size, confidence, axis=2)
        name = add("Transpose", name, perm=[0, 2, 1, 3])
        count = self.anchors * x.height * x.width
        return Head(add("Reshape", name, np.array([0, 4 + self.classes, count])), self.classes, count)

    def _rows(self, first: int, end: int) -> str:
        """Add a slice of the rows from ``first`` to ``end``."""
        return self.graph.add("Slice", self.name, np.array([first]), np.array([end]), np.array([2]))
