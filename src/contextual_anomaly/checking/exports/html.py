"""Answers as one HTML page: images, what is flagged in them, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from contextual_anomaly.checking.exports.to_review import to_review
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.review.findings import MISSING, UNEXPECTED, Finding, ReviewedImage
from contextual_anomaly.review.page import Chip, FindingsPage
from contextual_anomaly.review.verdicts import Reviewed

MOST_LISTED = 1000
"""Images without findings whose names are listed."""


class HtmlPage:
    """Writes the page; images with findings are added at once, the counts at the end."""

    def __init__(self, out: TextIO, reviewed: Reviewed | None = None, folder: Path | None = None) -> None:
        """Write the head of the page.

        Args:
            out: where the page goes; it stays open.
            reviewed: what reviewers said, for the order.
            folder: of the images of annotations; None where answers say where their images are, or there are none.
        """
        self.reviewed = reviewed
        self.page = FindingsPage(out, "Unexpected objects and missing classes", (UNEXPECTED, MISSING), folder)
        self.flagged, self.findings, self.unflagged, self.errors = 0, 0, 0, 0
        self.names: list[str] = []
        self.problems: list[str] = []
        self.promise = ""

    def write(self, result: CheckResult) -> None:
        """Add an answer."""
        image = to_review(result, self.reviewed)
        if result.error is not None:
            self.errors += 1
            if len(self.problems) < MOST_LISTED:
                self.problems.append(f"{image.path}: {result.error.message}")
        self.promise = self.promise or _promise(result)
        if image.strength:
            chips = list(_chips(image))
            self.flagged += 1
            self.findings += len(chips)
            self.page.add(image, chips, result.note)
        else:
            self.unflagged += 1
            if len(self.names) < MOST_LISTED:
                self.names.append(image.path)

    def close(self) -> dict[str, str]:
        """Write the counts and the end of the page; nothing lies beside it."""
        lists = {
            f"{self.unflagged:,} without findings": self.names,
            f"{self.errors:,} could not be read whole": self.problems,
        }
        images = self.flagged + self.unflagged
        self.page.close(f"{self.findings:,} findings in {self.flagged:,} of {images:,} images. {self.promise}", lists)
        return {}


def _promise(result: CheckResult) -> str:
    """Return what is promised of false alarms, "" where an answer has no p-values."""
    if result.calibration is None:
        return ""
    limits = result.false_alarms
    by = f"(model {result.model}{f', detector {result.detector}' if result.detector else ''})"
    if result.detector and result.calibration != "detections":
        return f"Flagged up to p = {limits.unexpected:.3g} and, of missing classes, {limits.missing:.3g} {by}."
    return (
        f"At most {100 * limits.unexpected:.3g} % of genuine objects and {100 * limits.missing:.3g} % of rightly absent "
        f"classes are flagged {by}."
    )


def _chips(image: ReviewedImage) -> Iterator[Chip]:
    """Yield a chip for each flagged class with the figures of its strongest object; findings are in that order."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in image.findings:
        if finding.kind:
            alike.setdefault((finding.kind, finding.category), []).append(finding)
    for (kind, category), findings in alike.items():
        name = f"missing: {category}" if kind == MISSING else category
        name += f" ×{len(findings)}" if len(findings) > 1 else ""
        boxes = [finding.box for finding in findings if finding.box is not None]
        yield Chip(kind, name, _said(findings[0]), boxes)


def _said(finding: Finding) -> str:
    """Return the figures of a finding, and its reason."""
    said = [f"p = {finding.attributes['p_value']:.2g}"] if "p_value" in finding.attributes else []
    if "probability" in finding.attributes:
        said.append(f"expected with {100 * float(finding.attributes['probability']):.2g} %")
    if "true_probability" in finding.attributes:
        said.append(f"right with {100 * float(finding.attributes['true_probability']):.0f} %, by the verdicts")
    why = f"; {finding.explanation}" if finding.explanation else ""
    return ", ".join(said) + why
