"""Findings as a COCO annotation file: for pycocotools, FiftyOne, CVAT, datumaro and whatever reads COCO."""

from collections.abc import Mapping, Sequence
from typing import Any

from contextual_anomaly.review.findings import Finding, ReviewedImage, categories_of


def coco_document(
    images: Sequence[ReviewedImage],
    categories: Sequence[Mapping[str, Any]] | None = None,
    info: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return findings as a COCO document, numbered from 1 by falling strength.

    Reasons are ``attributes`` of an annotation, which CVAT, FiftyOne and datumaro show. Tools take an annotation without
    a box for a broken one, so findings of an image as a whole are a list of their own, ``image_findings``, which tools
    pass over.

    Args:
        images: those with findings, in the order of the file.
        categories: id, name and supercategory of the classes; by default those of the findings, numbered from 1 on.
        info: further entries of the section "info".
    """
    if categories is None:
        listed = categories_of(images)
        categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(listed, 1)]
    ids = {category["name"]: category["id"] for category in categories}
    numbers = image_numbers(images)
    found = [(number, finding) for number, image in zip(numbers, images, strict=True) for finding in image.findings]
    found.sort(key=lambda pair: -pair[1].strength)
    return {
        "info": {"description": "Suspected annotation errors", **(info or {})},
        "licenses": [],
        "images": [_image(number, image) for number, image in zip(numbers, images, strict=True)],
        "categories": [dict(category) for category in categories],
        "annotations": [
            _annotation(number, image, ids[finding.category], finding)
            for number, (image, finding) in enumerate((pair for pair in found if pair[1].box is not None), 1)
        ],
        "image_findings": [
            {"image_id": image, "category_id": ids[finding.category], **_attributes(finding)}
            for image, finding in found
            if finding.box is None
        ],
    }


def image_numbers(images: Sequence[ReviewedImage]) -> list[int]:
    """Return the ids of the images: their own if these are different whole numbers, else 1, 2, ..."""
    own = [image.image_id for image in images if isinstance(image.image_id, int)]
    return own if len(own) == len(images) == len(set(own)) else list(range(1, len(images) + 1))


def _image(number: int, image: ReviewedImage) -> dict[str, Any]:
    sides = {"width": image.width, "height": image.height}
    return {"id": number, "file_name": image.name, **{side: value for side, value in sides.items() if value}}


def _annotation(number: int, image: int, category: int, finding: Finding) -> dict[str, Any]:
    assert finding.box is not None
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [round(float(value), 2) for value in finding.box],
        "area": round(float(finding.box[2]) * float(finding.box[3]), 2),
        "iscrowd": 0,
        "segmentation": [],  # CVAT takes this for a rectangle
        **({} if finding.score is None else {"score": round(float(finding.score), 4)}),
        "attributes": _attributes(finding),
    }


def _attributes(finding: Finding) -> dict[str, Any]:
    """Return what a person who reviews a finding wants to read."""
    said = {"kind": finding.kind, **finding.attributes, "explanation": finding.explanation}
    return {**said, **({"finding_id": finding.id} if finding.id else {})}
