"""Say what an output is that does not fit its family, and which export option helps."""

from collections.abc import Mapping

from contextual_anomaly.detection.detector_families.base import (
    DISTRIBUTIONS,
    ORIENTED,
    Expected,
    cell_counts,
    looks_end_to_end,
)
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES

Shapes = Mapping[str, tuple[int, ...]]
"""Shape [1, …] of each output by its name."""


def diagnose(shapes: Shapes, expected: Expected) -> str:
    """Return one or two sentences: what the outputs look like, and what to do."""
    found = _several_outputs(shapes, expected) or _one_output(shapes, expected)
    if found:
        return found
    if fitting := _fitting(shapes, expected):
        return f"It looks like the family {' or '.join(fitting)}: choose that."
    unnamed = expected._replace(classes=None)
    if expected.classes and (fitting := _fitting(shapes, unnamed)):
        read = [DETECTOR_FAMILIES[name].read(shape, unnamed) for name in fitting for shape in shapes.values()]
        counts = " or ".join(str(reading.classes) for reading in read if reading)
        return f"Without regard to names it would have {counts} classes, but there are {expected.classes} class names."
    return "Choose the family that the file is of; the documentation's page on detectors says how to export each."


def _several_outputs(shapes: Shapes, expected: Expected) -> str:
    """Say what outputs are that only make sense together, or ""."""
    dimensions = [len(shape) for shape in shapes.values()]
    three = [shape for shape in shapes.values() if len(shape) == 3]
    if len(shapes) == 4 and any("num" in name for name in shapes):
        return "These are the outputs of an export with TensorRT's NMS: export without NMS (`--end2end`, `nms=True`)."
    if len(three) == 2 and len(shapes) == 2 and three[0][1] == three[1][1] and 4 in (three[0][2], three[1][2]):
        if three[0][1] <= 1000 and three[0][1] not in cell_counts(expected.size):
            return (
                "Boxes and class scores come apart, as DETR and RT-DETR have them: export RT-DETR by Ultralytics "
                "(`yolo export format=onnx`), whose one output the family yolov8 reads with `resize: stretch`."
            )
        return "Boxes and class scores come apart: export them as one output (Ultralytics' `yolo export format=onnx`)."
    if dimensions and min(dimensions) >= 4:
        return (
            "These are raw maps of the network's scales, before boxes are decoded: export with the decoding "
            "(YOLOv5: export.py as it is, without --train; YOLOv7: --grid; Ultralytics: yolo export format=onnx)."
        )
    return ""


def _one_output(shapes: Shapes, expected: Expected) -> str:
    """Say what a single output is that no family reads, or ""."""
    three = [shape for shape in shapes.values() if len(shape) == 3]
    counts = cell_counts(expected.size)
    for shape in three:
        if looks_end_to_end(shape, expected.size):
            return (
                f"{list(shape)} is an end-to-end export, boxes that the network has chosen itself: choose the family "
                "end2end, or export with end2end=False or nms=False."
            )
    if any(len(shape) == 2 and shape[-1] == 7 for shape in shapes.values()):
        return "Rows of seven numbers are YOLOv7's export with NMS: export without --end2end."
    for shape in three:
        if (distributions := _distributions(shape, expected)) is not None:
            return distributions
        if expected.classes and shape[1] == expected.classes + ORIENTED and shape[2] in counts:
            return (
                f"One channel more than for boxes and {expected.classes} class names: oriented boxes (-obb), which are not "
                "supported, or a class name is missing."
            )
    return ""


def _fitting(shapes: Shapes, expected: Expected) -> list[str]:
    """Return the families of which one of the outputs has exactly the expected number of classes."""
    found = []
    for name, family in DETECTOR_FAMILIES.items():
        readings = [family.read(shape, expected) for shape in shapes.values()]
        fits = any(r is not None and (not expected.classes or r.classes == expected.classes) for r in readings)
        if fits and name not in ("darknet", "end2end"):
            found.append(name)
    return found


def _distributions(shape: tuple[int, ...], expected: Expected) -> str | None:
    """Return what to do if boxes are not decoded from distributions."""
    if expected.classes and expected.classes + DISTRIBUTIONS in shape[1:]:
        return (
            "Boxes are distributions of 16 numbers a side, before they are decoded: export the whole model "
            "(Ultralytics: yolo export format=onnx)."
        )
    return None
