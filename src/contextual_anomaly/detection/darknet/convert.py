"""A Darknet network as an ONNX model."""

from pathlib import Path

import onnx

from contextual_anomaly.detection.darknet.cfg import CfgSection, read_cfg
from contextual_anomaly.detection.darknet.graph import Graph, Tensor
from contextual_anomaly.detection.darknet.heads import HEADS, Head
from contextual_anomaly.detection.darknet.known import check_keys
from contextual_anomaly.detection.darknet.layers import LAYERS
from contextual_anomaly.detection.darknet.weights import Weights
from contextual_anomaly.errors import UserError

INPUT, OUTPUT = "images", "output0"


def convert(cfg: str | Path, weights: str | Path, batch: int | None = None, size: int | None = None) -> onnx.ModelProto:
    """The network of ``cfg`` with the numbers of ``weights``.

    Input `images` [batch, 3, height, width]: red, green, blue in 0 to 1. Output `output0` [batch, 4 + classes, boxes]:
    centre and size of each box in pixels of the input, then objectness · class of each class.

    Args:
        batch: images at a time; None for any number.
        size: width and height of the input in pixels; None for those of the cfg.

    Raises:
        UserError: a file is missing or broken, they do not fit each other, or a layer is none that is known here; the
            message names file, line and section.
    """
    net, layers = read_cfg(cfg)
    check_keys(net)
    channels, width, height = (
        net.integer(key, default, 1) for key, default in (("channels", 3), ("width", 416), ("height", 416))
    )
    if channels != 3:
        raise net.error("3 channels, red, green and blue, were expected.", "channels")
    numbers = Weights(weights)
    graph, image = Graph(), Tensor(INPUT, channels, size or height, size or width)
    before, heads = [image], []
    for layer in layers:
        if layer.kind not in LAYERS and layer.kind not in HEADS:
            known = ", ".join(f"[{kind}]" for kind in sorted({*LAYERS, *HEADS}))
            raise UserError(f"{layer.where}: no such layer is known here, only {known}.")
        check_keys(layer)
        graph.part = f"{layer.number}_{layer.kind}/"
        if layer.kind in HEADS:
            heads.append((layer, HEADS[layer.kind](graph, layer, before[-1], image)))
            before.append(before[-1])
        else:
            before.append(LAYERS[layer.kind](graph, layer, before, numbers))
    head = _together(graph, net, heads)
    numbers.finish(net.path)
    return graph.model(net.path.stem, image, OUTPUT, (4 + head.classes, head.boxes), batch)


def _together(graph: Graph, net: CfgSection, heads: list[tuple[CfgSection, Head]]) -> Head:
    """All heads' boxes one behind the other."""
    if not heads:
        raise UserError(f"{net.path}: the network has no head, neither [yolo] nor [region].")
    classes = heads[0][1].classes
    for layer, head in heads:
        if head.classes != classes:
            raise layer.error(f"the heads before have {classes} classes.", "classes")
    graph.add("Concat", *(head.name for _, head in heads), output=OUTPUT, axis=2)
    return Head(OUTPUT, classes, sum(head.boxes for _, head in heads))
