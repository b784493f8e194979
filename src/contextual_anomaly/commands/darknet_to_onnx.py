"""`contextual-anomaly darknet-to-onnx`: convert a Darknet network to ONNX."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def darknet_to_onnx(
    cfg: Annotated[Path, typer.Option(help="Darknet's description of the network.")],
    weights: Annotated[Path, typer.Option(help="Its weights.")],
    output: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    batch: Annotated[int, typer.Option(min=0, help="Images at a time; 0: any number.")] = 0,
    size: Annotated[
        int, typer.Option(min=0, help="Width and height of the input in pixels, a multiple of 32; 0: as in the cfg.")
    ] = 0,
) -> None:
    """Convert a Darknet network (YOLOv2, v3, v4 and their relatives) to ONNX.

    Boxes are decoded in the graph: the output [batch, 4 + classes, boxes] has each box's centre and size in pixels of
    the input, then its confidence in each class, objectness included, as Ultralytics' YOLOv8 has. The input is
    [batch, 3, height, width], red, green, blue in 0 to 1. `detect --family darknet` runs it. Example:

    `contextual-anomaly darknet-to-onnx --cfg yolov3.cfg --weights yolov3.weights --size 416 --output yolov3.onnx`
    """
    import onnx

    from contextual_anomaly.detection.darknet.convert import convert
    from contextual_anomaly.runtime.atomic import atomic_write

    model = convert(cfg, weights, batch or None, size or None)
    with atomic_write(output) as temporary:
        onnx.save(model, temporary)
    _, _, height, width = (d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)
    _, rows, boxes = (d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim)
    logger.info(f"{output.name}: input {width} × {height}, {rows - 4} classes, {boxes:,} boxes")
