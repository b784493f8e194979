"""Darknet's layers as ONNX nodes, each as Darknet's C code computes it.

After Redmon's Darknet (github.com/pjreddie/darknet) and its continuation by Bochkovskiy
(github.com/AlexeyAB/darknet), which YOLOv4 is written for.
"""

from collections.abc import Callable

import numpy as np

from contextual_anomaly.detection.darknet.cfg import CfgSection
from contextual_anomaly.detection.darknet.graph import Graph, Tensor
from contextual_anomaly.detection.darknet.weights import Weights

# Darknet's GPU code, which the published weights were trained by; its CPU code adds 1e-6 to the root instead.
BATCH_NORMALIZE_EPSILON = 1e-5

Layer = Callable[[Graph, CfgSection, list[Tensor], Weights], Tensor]
"""Adds a layer to the graph. Takes all tensors so far: the image, then the output of each layer in turn."""


def convolutional(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """A convolution, batch normalisation folded into it."""
    x = before[-1]
    filters, size, groups = (layer.integer(key, 1, 1) for key in ("filters", "size", "groups"))
    stride = layer.integer("stride", 1, 1)
    stride_x, stride_y = (layer.integer(key, stride, 1) for key in ("stride_x", "stride_y"))
    dilation = layer.integer("dilation", 1, 1) if size > 1 else 1
    padding = size // 2 * dilation if layer.integer("pad", 0) else layer.integer("padding", 0)
    for what in ("filters", "groups"):
        count = filters if what == "filters" else x.channels
        if count % groups:
            told = "filters" if what == "filters" else "channels that come in"
            raise layer.error(f"{count} {told} cannot be divided into {groups} groups.", "groups")
    bias = weights.take((filters,), layer)
    normalised = layer.integer("batch_normalize", 0)
    if normalised:
        scale, mean, variance = (weights.take((filters,), layer) for _ in range(3))
        if (variance < 0).any():
            raise layer.error(f"{weights.path} has a negative variance here. Is it the cfg of this file?")
    kernel = weights.take((filters, x.channels // groups, size, size), layer)
    if normalised:
        factor = scale / np.sqrt(variance + BATCH_NORMALIZE_EPSILON)
        kernel, bias = kernel * factor[:, None, None, None], bias - mean * factor
    extent = dilation * (size - 1) + 1
    height, width = (
        (side + 2 * padding - extent) // step + 1 for side, step in ((x.height, stride_y), (x.width, stride_x))
    )
    if min(height, width) < 1:
        raise layer.error(f"a kernel of {extent} × {extent} does not fit into {x.shape}.")
    name = graph.add(
        "Conv",
        x.name,
        kernel,
        bias,
        kernel_shape=[size, size],
        strides=[stride_y, stride_x],
        pads=[padding] * 4,
        dilations=[dilation, dilation],
        group=groups,
    )
    return Tensor(activation(graph, layer, name, "logistic"), filters, height, width)


def activation(graph: Graph, layer: CfgSection, x: str, default: str) -> str:
    """The layer's activation of ``x``."""
    kind = layer.text("activation", default)
    match kind:
        case "linear":
            return x
        case "leaky":
            return graph.add("LeakyRelu", x, alpha=0.1)
        case "relu":
            return graph.add("Relu", x)
        case "logistic":
            return graph.add("Sigmoid", x)
        case "mish":
            return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))
    raise layer.error("an activation of leaky, linear, logistic, mish or relu was expected.", "activation")


def maxpool(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """The largest of each window; Darknet pads with what is smaller than anything, more of it right and below."""
    x = before[-1]
    stride = layer.integer("stride", 1, 1)
    stride_x, stride_y = (layer.integer(key, stride, 1) for key in ("stride_x", "stride_y"))
    size = layer.integer("size", stride, 1)
    padding = layer.integer("padding", size - 1)
    if padding // 2 >= size or padding - padding // 2 >= size:
        raise layer.error(f"a padding below the window's size, {size}, on each side was expected.", "padding")
    height, width = ((side + padding - size) // step + 1 for side, step in ((x.height, stride_y), (x.width, stride_x)))
    if min(height, width) < 1:
        raise layer.error(f"a window of {size} × {size} does not fit into {x.shape}.")
    first = padding // 2
    # What no window reaches is left out, so that most need no padding on one side only.
    bottom, right = (
        max((count - 1) * step + size - first - side, 0)
        for count, step, side in ((height, stride_y, x.height), (width, stride_x, x.width))
    )
    name, pads = x.name, [first, first, bottom, right]
    if pads != [first] * 4:
        # A node of its own: not every evaluator pads a MaxPool on one side rightly.
        smallest = np.array(np.finfo(np.float32).min)
        name, pads = graph.add("Pad", name, np.array([0, 0, first, first, 0, 0, bottom, right]), smallest), [0] * 4
    name = graph.add("MaxPool", name, kernel_shape=[size, size], strides=[stride_y, stride_x], pads=pads)
    return Tensor(name, x.channels, height, width)


def shortcut(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """The sum with earlier layers."""
    x = before[-1]
    name = x.name
    for other in _named(layer, "from", before):
        if (other.channels, other.height, other.width) != (x.channels, x.height, x.width):
            raise layer.error(f"{other.shape} and {x.shape} cannot be added.", "from")
        name = graph.add("Add", name, other.name)
    return Tensor(activation(graph, layer, name, "linear"), x.channels, x.height, x.width)


def route(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """Earlier layers one above the other, or one group of channels of each."""
    groups, group = layer.integer("groups", 1, 1), layer.integer("group_id", 0)
    if group >= groups:
        raise layer.error(f"a group from 0 to {groups - 1} was expected.", "group_id")
    parts = []
    for x in _named(layer, "layers", before):
        if x.channels % groups:
            raise layer.error(f"{x.channels} channels cannot be divided into {groups} groups.", "groups")
        channels = x.channels // groups
        name = x.name
        if groups > 1:
            first = np.array([group * channels])
            name = graph.add("Slice", name, first, first + channels, np.array([1]))
        parts.append(Tensor(name, channels, x.height, x.width))
    sizes = {(x.height, x.width) for x in parts}
    if len(sizes) > 1:
        raise layer.error(f"{' and '.join(x.shape for x in parts)} cannot be put together.", "layers")
    name = graph.add("Concat", *(x.name for x in parts), axis=1) if len(parts) > 1 else parts[0].name
    return Tensor(name, sum(x.channels for x in parts), *sizes.pop())


def _named(layer: CfgSection, key: str, before: list[Tensor]) -> list[Tensor]:
    """The tensors of the layers that ``key`` lists: from 0 on, or backwards from here if negative."""
    numbers = layer.integers(key)
    if not numbers:
        raise layer.error(f"{key} is missing.")
    absolute = [n if n >= 0 else layer.number + n for n in numbers]
    if not all(0 <= n < layer.number for n in absolute):
        raise layer.error(f"layers from 0 to {layer.number - 1}, or backwards from -1, were expected.", key)
    return [before[n + 1] for n in absolute]


def upsample(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """Every pixel ``stride`` × ``stride`` times."""
    x = before[-1]
    stride = layer.integer("stride", 2, 1)
    name = graph.add(
        "Resize",
        x.name,
        "",
        np.array([1, 1, stride, stride], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    scale = layer.number_of("scale", 1)
    if scale != 1:
        name = graph.add("Mul", name, np.array([scale], np.float32))
    return Tensor(name, x.channels, x.height * stride, x.width * stride)


def reorg(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """YOLOv2's passthrough: pixels become channels, in the order of Darknet's memory.

    Darknet counts through the image as if it were [C / s², H · s, W · s], and through the result as [C, H, W].
    """
    x, s = before[-1], layer.integer("stride", 1, 1)
    if x.channels % s**2 or x.height % s or x.width % s:
        raise layer.error(f"{x.shape} cannot be divided by a stride of {s}.", "stride")
    name = graph.add("Reshape", x.name, np.array([0, x.channels // s**2, x.height * s, x.width * s]))
    name = graph.add("SpaceToDepth", name, blocksize=s)
    name = graph.add("Reshape", name, np.array([0, x.channels * s**2, x.height // s, x.width // s]))
    return Tensor(name, x.channels * s**2, x.height // s, x.width // s)


def dropout(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Weights) -> Tensor:
    """Nothing, once the network is trained."""
    return before[-1]


LAYERS: dict[str, Layer] = {
    layer.__name__: layer for layer in (convolutional, maxpool, shortcut, route, upsample, reorg, dropout)
}
