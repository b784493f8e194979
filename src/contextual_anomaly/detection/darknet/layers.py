"""Add Darknet's layers as ONNX nodes, each as Darknet's C code computes it.

After Redmon's Darknet (github.com/pjreddie/darknet) and its continuation by Bochkovskiy
(github.com/AlexeyAB/darknet), which YOLOv4 is written for.
"""

from collections.abc import Callable

import numpy as np

from contextual_anomaly.detection.darknet.cfg import CfgSection
from contextual_anomaly.detection.darknet.graph import Graph, Tensor
from contextual_anomaly.detection.darknet.weights import NeededWeights, Weights

# Of Darknet's GPU code, which trained the published weights; its CPU code adds 1e-6 to the root instead.
BATCH_NORMALIZE_EPSILON = 1e-5

Numbers = Weights | NeededWeights
Layer = Callable[[Graph, CfgSection, list[Tensor], Numbers], Tensor]
"""Adds a layer to the graph. Takes all tensors so far: the image, then the output of each layer in order."""


def convolutional(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add a convolution with batch normalisation folded into it."""
    x = before[-1]
    filters, size, groups = (layer.integer(key, 1, 1) for key in ("filters", "size", "groups"))
    stride = layer.integer("stride", 1, 1)
    stride_x, stride_y = (layer.integer(key, stride, 1) for key in ("stride_x", "stride_y"))
    dilation = layer.integer("dilation", 1, 1) if size > 1 else 1
    padding = size // 2 * dilation if layer.integer("pad", 0) else layer.integer("padding", 0)
    for what in ("filters", "groups"):
        count = filters if what == "filters" else x.channels
        if count % groups:
            noun = "filters" if what == "filters" else "input channels"
            raise layer.error(f"{count} {noun} cannot be divided into {groups} groups.", "groups")
    bias = weights.take((filters,), layer)
    normalisation = [weights.take((filters,), layer) for _ in range(3 if layer.integer("batch_normalize", 0) else 0)]
    kernel = weights.take((filters, x.channels // groups, size, size), layer)
    if normalisation and isinstance(weights, Weights):
        scale, mean, variance = normalisation
        # Published weights have variances of -1e-7 and the like, of which Darknet takes the root after the addition.
        if (variance + BATCH_NORMALIZE_EPSILON <= 0).any():
            raise layer.error(f"{weights.path} has a negative variance here. Is it the cfg of this file?")
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
    """Add the layer's activation of ``x``."""
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
        case "relu6":
            return graph.add("Clip", x, np.array(0, np.float32), np.array(6, np.float32))
        case "tanh":
            return graph.add("Tanh", x)
        case "elu":
            return graph.add("Elu", x)
        case "swish" | "silu":
            return graph.add("Mul", x, graph.add("Sigmoid", x))
        case "mish":
            return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))
    raise layer.error(
        "an activation of elu, leaky, linear, logistic, mish, relu, relu6, swish (silu) or tanh was expected.",
        "activation",
    )


def maxpool(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add the maximum over windows; Darknet pads with the smallest number, more of it on the right and below."""
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
    # Padding that no window reaches is left out, so that most layers are padded equally on all sides.
    bottom, right = (
        max((count - 1) * step + size - first - side, 0)
        for count, step, side in ((height, stride_y, x.height), (width, stride_x, x.width))
    )
    name, pads = x.name, [first, first, bottom, right]
    if pads != [first] * 4:
        # A node of its own: not every evaluator pads a MaxPool rightly on one side only.
        smallest = np.array(np.finfo(np.float32).min)
        name, pads = graph.add("Pad", name, np.array([0, 0, first, first, 0, 0, bottom, right]), smallest), [0] * 4
    name = graph.add("MaxPool", name, kernel_shape=[size, size], strides=[stride_y, stride_x], pads=pads)
    return Tensor(name, x.channels, height, width)


def shortcut(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add the sum with earlier layers, of the channels that both have; the others stay as they are."""
    x = before[-1]
    name = x.name
    for other in _named(layer, "from", before):
        if (other.height, other.width) != (x.height, x.width):
            raise layer.error(f"{other.shape} and {x.shape} cannot be added.", "from")
        added = other.name
        if other.channels > x.channels:
            added = _channels(graph, added, 0, x.channels)
        if other.channels < x.channels:
            common = graph.add("Add", _channels(graph, name, 0, other.channels), added)
            name = graph.add("Concat", common, _channels(graph, name, other.channels, x.channels), axis=1)
        else:
            name = graph.add("Add", name, added)
    return Tensor(activation(graph, layer, name, "linear"), x.channels, x.height, x.width)


def route(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Concatenate the channels of earlier layers, or one group of the channels of each."""
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
            name = _channels(graph, name, group * channels, (group + 1) * channels)
        parts.append(Tensor(name, channels, x.height, x.width))
    sizes = {(x.height, x.width) for x in parts}
    if len(sizes) > 1:
        raise layer.error(f"{' and '.join(x.shape for x in parts)} cannot be put together.", "layers")
    name = graph.add("Concat", *(x.name for x in parts), axis=1) if len(parts) > 1 else parts[0].name
    return Tensor(name, sum(x.channels for x in parts), *sizes.pop())


def _named(layer: CfgSection, key: str, before: list[Tensor]) -> list[Tensor]:
    """Return the outputs of the layers that ``key`` lists: from 0 on, or backwards from here if negative."""
    numbers = layer.integers(key)
    if not numbers:
        raise layer.error(f"{key} is missing.")
    absolute = [n if n >= 0 else layer.number + n for n in numbers]
    if not all(0 <= n < layer.number for n in absolute):
        raise layer.error(f"layers from 0 to {layer.number - 1}, or backwards from -1, were expected.", key)
    return [before[n + 1] for n in absolute]


def _channels(graph: Graph, name: str, first: int, end: int) -> str:
    """Add a slice of channels."""
    return graph.add("Slice", name, np.array([first]), np.array([end]), np.array([1]))


def avgpool(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add the mean of each channel."""
    return Tensor(graph.add("GlobalAveragePool", before[-1].name), before[-1].channels, 1, 1)


def scale_channels(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Multiply an earlier layer by the last one: a factor for each channel, or with scale_wh for each pixel."""
    x, (other, *more) = before[-1], _named(layer, "from", before)
    per_pixel = layer.integer("scale_wh", 0)
    fits = (x.height, x.width) == ((other.height, other.width) if per_pixel else (1, 1))
    if more or not fits or (not per_pixel and x.channels != other.channels):
        raise layer.error(f"{other.shape} cannot be scaled by {x.shape}.", "from")
    factors = _channels(graph, x.name, 0, 1) if per_pixel else x.name
    name = graph.add("Mul", other.name, factors)
    return Tensor(activation(graph, layer, name, "linear"), other.channels, other.height, other.width)


def sam(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Multiply an earlier layer by the last one, number by number: spatial attention."""
    x, (other, *more) = before[-1], _named(layer, "from", before)
    if more or other.shape != x.shape:
        raise layer.error(f"{other.shape} cannot be multiplied by {x.shape}.", "from")
    name = graph.add("Mul", other.name, x.name)
    return Tensor(activation(graph, layer, name, "linear"), x.channels, x.height, x.width)


def upsample(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Repeat every pixel ``stride`` × ``stride`` times."""
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


def reorg(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add YOLOv2's passthrough: pixels become channels, in the order of Darknet's memory.

    Darknet counts through the image as if it were [C / s², H · s, W · s], and through the result as [C, H, W].
    """
    x, s = before[-1], layer.integer("stride", 1, 1)
    if x.channels % s**2 or x.height % s or x.width % s:
        raise layer.error(f"{x.shape} cannot be divided by a stride of {s}.", "stride")
    name = graph.add("Reshape", x.name, np.array([0, x.channels // s**2, x.height * s, x.width * s]))
    name = graph.add("SpaceToDepth", name, blocksize=s)
    name = graph.add("Reshape", name, np.array([0, x.channels * s**2, x.height // s, x.width // s]))
    return Tensor(name, x.channels * s**2, x.height // s, x.width // s)


def dropout(graph: Graph, layer: CfgSection, before: list[Tensor], weights: Numbers) -> Tensor:
    """Add nothing: dropout acts during training only."""
    return before[-1]


LAYERS: dict[str, Layer] = {
    layer.__name__: layer
    for layer in (convolutional, maxpool, avgpool, shortcut, scale_channels, sam, route, upsample, reorg, dropout)
}
