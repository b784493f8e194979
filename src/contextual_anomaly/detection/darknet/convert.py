"""Convert a Darknet network to an ONNX model."""

from pathlib import Path

import onnx

from contextual_anomaly.detection.darknet.cfg import CfgSection, read_cfg
from contextual_anomaly.detection.darknet.graph import Graph, Tensor
from contextual_anomaly.detection.darknet.heads import HEADS, Head
from contextual_anomaly.detection.darknet.known import check_keys
from contextual_anomaly.detection.darknet.layers import LAYERS, Numbers
from contextual_anomaly.detection.darknet.weights import NeededWeights, Weights
from contextual_anomaly.errors import UserError

INPUT, OUTPUT = "images", "output0"
STRIDE = 32  # pixels; the usual total stride, of which the input's sides are multiples
MAX_SIDE = 8192  # pixels of the input


def convert(cfg: str | Path, weights: str | Path, batch: int | None = None, size: int | None = None) -> onnx.ModelProto:
    """Convert the network of ``cfg`` with the numbers of ``weights``.

    Input `images` [batch, 3, height, width]: red, green, blue in 0 to 1. Output `output0` [batch, 4 + classes, boxes]:
    centre and size of each box in pixels of the input, then objectness · class of each class.

    Args:
        cfg: Darknet's description of the network.
        weights: Its weights file.
        batch: Images at a time; None for any number.
        size: Width and height of the input in pixels; None for those of the cfg.

    Raises:
        UserError: A file is missing or broken, they do not fit each other, or a layer is not known here; the message
            names file, line and section.
    """
    net, layers = read_cfg(cfg)
    check_keys(net)
    for layer in layers:
        if layer.kind not in LAYERS and layer.kind not in HEADS:
            known = ", ".join(f"[{kind}]" for kind in sorted({*LAYERS, *HEADS}))
            raise UserError(f"{layer.where}: no such layer is known here, only {known}.")
        check_keys(layer)
    image = _image(net, size)
    needed = NeededWeights()
    try:
        _build(net, layers, image, Graph(dry=True), needed)
    except UserError as error:
        if image.width % STRIDE == 0 and image.height % STRIDE == 0:
            raise
        lower = max(image.width // STRIDE, 1) * STRIDE
        raise UserError(
            f"{error} An input of {image.width} × {image.height} is no multiple of {STRIDE} pixels, which most networks "
            f"need: try a size of {lower} or {lower + STRIDE}."
        ) from error
    numbers = Weights(weights)
    numbers.check(needed, net.path)
    graph = Graph()
    head = _build(net, layers, image, graph, numbers)
    return graph.model(net.path.stem, image, OUTPUT, (4 + head.classes, head.boxes), batch)


def _image(net: CfgSection, size: int | None) -> Tensor:
    """Return the network's input."""
    channels, width, height = (
        net.integer(key, default, 1) for key, default in (("channels", 3), ("width", 416), ("height", 416))
    )
    if channels != 3:
        raise net.error("3 channels, red, green and blue, were expected.", "channels")
    image = Tensor(INPUT, channels, size or height, size or width)
    if max(image.height, image.width) > MAX_SIDE:
        raise net.error(f"an input of {image.width} × {image.height} pixels; {MAX_SIDE} at most were expected.")
    return image


def _build(net: CfgSection, layers: list[CfgSection], image: Tensor, graph: Graph, numbers: Numbers) -> Head:
    """Add all layers to the graph; return the boxes of all heads together."""
    before, heads = [image], []
    for layer in layers:
        graph.part = f"{layer.number}_{layer.kind}/"
        if layer.kind in HEADS:
            heads.append((layer, HEADS[layer.kind](graph, layer, before[-1], image)))
            before.append(before[-1])
        else:
            before.append(LAYERS[layer.kind](graph, layer, before, numbers))
    return _concatenate(graph, net, heads)


def _concatenate(graph: Graph, net: CfgSection, heads: list[tuple[CfgSection, Head]]) -> Head:
    """Concatenate the boxes of all heads."""
    if not heads:
        raise UserError(f"{net.path}: the network has no head, neither [yolo] nor [region].")
    classes = heads[0][1].classes
    for layer, head in heads:
        if head.classes != classes:
            raise layer.error(f"the heads before have {classes} classes.", "classes")
    graph.part = ""
    graph.add("Concat", *(head.name for _, head in heads), output=OUTPUT, axis=2)
    return Head(OUTPUT, classes, sum(head.boxes for _, head in heads))
