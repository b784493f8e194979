"""Findings as annotations of CVAT: "CVAT for images 1.1" XML, and the labels that a task needs to keep their attributes."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from contextual_anomaly.review.findings import Finding, ReviewedImage, printable

OPEN, CONFIRMED, REJECTED = "open", "confirmed", "rejected"
"""Values of the attribute `verdict`."""
ATTRIBUTES = ("kind", "explanation", "p_value", "probability", "finding_id")
"""Attributes that are text; CVAT drops those that the task's labels do not declare."""


def cvat_document(images: Sequence[ReviewedImage], categories: Sequence[str]) -> str:
    """Return findings as XML: objects are boxes, findings of an image as a whole are tags.

    Args:
        images: with their sizes, in the order of the file.
        categories: the classes, those of all findings among them.
    """
    root = ElementTree.Element("annotations")
    _text(root, "version", "1.1")
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    _text(task, "name", "Contextual Anomaly")
    _text(task, "size", str(len(images)))
    _text(task, "mode", "annotation")
    labels = ElementTree.SubElement(task, "labels")
    for described in label_constructor(categories):
        label = ElementTree.SubElement(labels, "label")
        _text(label, "name", described["name"])
        attributes = ElementTree.SubElement(label, "attributes")
        for attribute in described["attributes"]:
            element = ElementTree.SubElement(attributes, "attribute")
            for name in ("name", "mutable", "input_type", "default_value"):
                _text(element, name, str(attribute[name]))
            _text(element, "values", "\n".join(attribute["values"]))
    for number, image in enumerate(images):
        element = ElementTree.SubElement(
            root,
            "image",
            id=str(number),
            name=printable(image.name),
            width=str(image.width or 0),
            height=str(image.height or 0),
        )
        for finding in image.findings:
            _add(element, image, finding)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def label_constructor(categories: Sequence[str]) -> list[dict[str, Any]]:
    """Return the labels of a task with their attributes, as CVAT's label constructor takes them ("Raw")."""
    text = [
        {"name": name, "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
        for name in ATTRIBUTES
    ]
    verdict = {
        "name": "verdict",
        "mutable": False,
        "input_type": "select",
        "default_value": OPEN,
        "values": [OPEN, CONFIRMED, REJECTED],
    }
    return [{"name": printable(category), "attributes": [*text, verdict]} for category in categories]


def _add(element: ElementTree.Element, image: ReviewedImage, finding: Finding) -> None:
    common = {"label": printable(finding.category), "source": "auto"}
    if finding.box is None:
        shape = ElementTree.SubElement(element, "tag", common)
    else:
        x, y, width, height = finding.box
        right, bottom = x + width, y + height
        if image.width and image.height:
            x, y, right, bottom = max(x, 0), max(y, 0), min(right, image.width), min(bottom, image.height)
        corners = {"xtl": x, "ytl": y, "xbr": right, "ybr": bottom}
        place = {name: f"{value:.2f}" for name, value in corners.items()}
        shape = ElementTree.SubElement(element, "box", {**common, "occluded": "0", **place, "z_order": "0"})
    values = {"kind": finding.kind, **finding.attributes, "explanation": finding.explanation, "finding_id": finding.id}
    for name in ATTRIBUTES:
        _text(shape, "attribute", str(values.get(name, "")), name=name)
    _text(shape, "attribute", OPEN, name="verdict")


def _text(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    """Add an element with text."""
    ElementTree.SubElement(parent, tag, dict(attributes)).text = printable(text)
