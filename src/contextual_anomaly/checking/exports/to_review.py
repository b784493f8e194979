"""Answers as reviewers are shown them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TextIO

from contextual_anomaly.checking.results import CheckedObject, CheckResult, MissingClass
from contextual_anomaly.review.findings import MISSING, UNEXPECTED, Finding, FindingIds, ReviewedImage
from contextual_anomaly.review.verdicts import Reviewed


def image_path(result: CheckResult) -> str:
    """Return where the image of an answer is: its file, or its name where it came from annotations or from a stream."""
    if result.frame is not None:
        return f"{result.source}#{result.frame}"
    if result.file_name and Path(result.file_name).name != Path(result.source).name:
        return result.file_name
    if result.file_name is None and result.line is not None:
        return f"{result.source}#{result.line}"
    return result.source


def to_review(result: CheckResult, reviewed: Reviewed | None = None) -> ReviewedImage:
    """Return an answer as a reviewer is shown it: its findings, the strongest first, then all other objects.

    Args:
        result: the answer.
        reviewed: what reviewers said of some findings; what they rejected is no finding any more.
    """
    path = image_path(result)
    ids = FindingIds(path)
    limits = {UNEXPECTED: result.false_alarms.unexpected, MISSING: result.false_alarms.missing}

    def finding(of: CheckedObject | MissingClass, kind: str) -> Finding:
        box = of.box if isinstance(of, CheckedObject) else None
        attributes: dict[str, Any] = {}
        if isinstance(of, CheckedObject) and of.id is not None:
            attributes["annotation_id"] = of.id
        score = of.score if isinstance(of, CheckedObject) else None
        if not of.flagged:
            return Finding("", of.category, box, score, "", attributes)
        name = ids.next(kind, of.category, box)
        numbers = {"probability": of.probability, "p_value": of.p_value}
        if reviewed is not None:
            numbers["true_probability"] = reviewed.true_probability(name, kind, of.category, of.p_value, limits[kind])
            if numbers["true_probability"] == 0:
                return Finding("", of.category, box, score, "", attributes)
        attributes |= {key: float(f"{value:.4g}") for key, value in numbers.items() if value is not None}
        strength = numbers.get("true_probability", 1 - (of.p_value or 0))
        return Finding(kind, of.category, box, score, of.explanation, attributes, strength or 0.0, name)

    objects = [finding(found, UNEXPECTED) for found in result.objects]
    absent = [found for found in (finding(absent, MISSING) for absent in result.missing) if found.kind]
    flagged = sorted((f for f in (*objects, *absent) if f.kind), key=lambda f: -f.strength)
    return ReviewedImage(
        name=result.file_name or Path(path).name,
        path=path,
        width=result.width,
        height=result.height,
        findings=[*flagged, *(found for found in objects if not found.kind)],
        image_id=result.image_id,
    )


class Document(ABC):
    """Base of the formats that are written when all answers are there.

    Attributes:
        images: with a finding, or all; of verdicts, the strongest first.
        models: names of the models that answered.
    """

    def __init__(self, out: TextIO, reviewed: Reviewed | None = None, all_images: bool = False) -> None:
        """Begin a document; see `exports.new_writer`."""
        self.out, self.reviewed, self.all_images = out, reviewed, all_images
        self.images: list[ReviewedImage] = []
        self.models: dict[str, None] = {}

    def write(self, result: CheckResult) -> None:
        """Take one answer; what could not be read is left out."""
        image = to_review(result, self.reviewed)
        if image.strength or (self.all_images and image.findings):
            self.images.append(image)
        self.models[" and ".join(filter(None, (result.model, result.detector)))] = None

    def close(self) -> dict[str, str]:
        """Write the document; see `exports.Writer`."""
        if self.reviewed is not None:
            self.images.sort(key=lambda image: -image.strength)
        return self.finish(f"contextual-anomaly, {', '.join(filter(None, self.models))}".removesuffix(", "))

    @abstractmethod
    def finish(self, made_by: str) -> dict[str, str]:
        """Write the document, and return further files.

        Args:
            made_by: this package and the models that answered.
        """
