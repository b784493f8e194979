"""Findings as tasks of Label Studio with predictions, and the labelling configuration that they need.

Its importer of COCO files loses attributes and takes predictions for finished annotations, so this writes its own JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from contextual_anomaly.review.findings import MISSING, Finding, ReviewedImage, printable

LOCAL_FILES = "/data/local-files/?d="
"""Before the path of an image, from LOCAL_FILES_DOCUMENT_ROOT on, that Label Studio reads from a local folder."""
CONFIRMED, REJECTED = "confirmed", "rejected"
"""What a reviewer can choose for a finding."""
IMAGE, LABEL, VERDICT, MISSING_CLASSES = "image", "label", "verdict", "missing"
"""Names of the controls, which tasks and verdicts refer to."""


def task(image: ReviewedImage, model_version: str, image_prefix: str = LOCAL_FILES) -> dict[str, Any]:
    """Return one image as a task with one prediction: a rectangle for each object, reasons in its panel.

    Args:
        image: with its size, if it has boxes: Label Studio measures in per cent. Boxes of an image without are left out.
        model_version: what made the findings, as Label Studio lists it.
        image_prefix: before the path of the image, which is quoted.
    """
    flagged = [finding for finding in image.findings if finding.kind]
    missing = [finding for finding in flagged if finding.box is None]
    result = [
        region
        for number, finding in enumerate(image.findings)
        for region in _regions(image, finding, f"object-{number}")
    ]
    if missing:
        result.append(
            {
                "id": missing[0].id,
                "from_name": MISSING_CLASSES,
                "to_name": IMAGE,
                "type": "choices",
                "value": {"choices": [finding.category for finding in missing]},
            }
        )
    return {
        "data": {
            IMAGE: image_prefix + quote(image.path.lstrip("/")),
            "name": image.name,
            "findings": "; ".join(f"{finding.category} {finding.text}" for finding in flagged),
            "missing_classes": [{"value": finding.category} for finding in missing],
            "listed": [_listed(finding) for finding in flagged],
        },
        "predictions": [
            {
                "model_version": model_version,
                "score": round(image.strength, 4),
                "result": result,
            }
        ],
    }


def labelling_configuration(categories: Sequence[str]) -> str:
    """Return the labelling configuration (XML) of a project for `task`s of these classes."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Text", name="text", value="$findings")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}")
    labels = ElementTree.SubElement(view, "RectangleLabels", name=LABEL, toName=IMAGE)
    for category in categories:
        ElementTree.SubElement(labels, "Label", value=printable(category))
    verdict = ElementTree.SubElement(
        view, "Choices", name=VERDICT, toName=IMAGE, perRegion="true", choice="single", showInline="true"
    )
    for answer in (CONFIRMED, REJECTED):
        ElementTree.SubElement(verdict, "Choice", value=answer)
    ElementTree.SubElement(view, "Header", value="Missing in the image: keep what is really missing")
    ElementTree.SubElement(
        view, "Choices", name=MISSING_CLASSES, toName=IMAGE, choice="multiple", value="$missing_classes"
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _regions(image: ReviewedImage, finding: Finding, other_id: str) -> list[dict[str, Any]]:
    """Return the rectangle of an object, in per cent of the image and within it; of what is no finding, with another id."""
    if finding.box is None or not image.width or not image.height:
        return []
    x, y, width, height = finding.box
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, image.width), min(y + height, image.height)
    if right <= left or bottom <= top:
        return []
    across, down = 100 / image.width, 100 / image.height
    value = {
        "x": left * across,
        "y": top * down,
        "width": min((right - left) * across, 100 - left * across),
        "height": min((bottom - top) * down, 100 - top * down),
        "rotation": 0,
        "rectanglelabels": [printable(finding.category)],
    }
    return [
        {
            "id": finding.id or other_id,
            "from_name": LABEL,
            "to_name": IMAGE,
            "type": "rectanglelabels",
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
            "value": value,
            **({} if finding.score is None else {"score": round(finding.score, 4)}),
            **({"meta": {"text": [printable(finding.text)]}} if finding.kind else {}),
        }
    ]


def _listed(finding: Finding) -> Mapping[str, Any]:
    """Return what leads from a reviewer's answer back to the finding; Label Studio keeps it in the data of the task."""
    return {
        "finding_id": finding.id,
        "kind": finding.kind,
        "category": finding.category,
        "p_value": finding.attributes.get("p_value"),
        "box": None if finding.box is None else [round(value, 2) for value in finding.box],
        "choice": finding.kind == MISSING,
    }
