"""Findings as one HTML page that needs nothing beside it: images, what is flagged in them, and why; sortable."""

from base64 import b64encode
from collections import Counter
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from contextual_anomaly.checking.exports.to_review import to_review
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.coco.pictures import find_picture
from contextual_anomaly.detection.image_reading import UnreadableImage, read_image
from contextual_anomaly.drawing import Box, with_boxes
from contextual_anomaly.review.findings import MISSING, Finding, ReviewedImage, printable
from contextual_anomaly.review.verdicts import Reviewed
from contextual_anomaly.runtime.paths import escapes_directory

LONGEST_SIDE = 640  # pixels of an image in the page
JPEG_QUALITY = 80
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
        self.out, self.reviewed, self.folder = out, reviewed, folder
        self.flagged, self.findings, self.unflagged, self.errors = 0, 0, 0, 0
        self.names: list[str] = []
        self.problems: list[str] = []
        self.promise = ""
        template = files("contextual_anomaly.checking.exports") / "page.html"
        head, self.foot = template.read_text(encoding="utf-8").split("<!-- findings -->")
        out.write(head)

    def write(self, result: CheckResult) -> None:
        """Add an answer."""
        image = to_review(result, self.reviewed)
        if result.error is not None:
            self.errors += 1
            if len(self.problems) < MOST_LISTED:
                self.problems.append(f"{image.path}: {result.error.message}")
        self.promise = self.promise or _promise(result)
        if image.strength:
            self.flagged += 1
            self.findings += len({(finding.kind, finding.category) for finding in image.findings if finding.kind})
            self.out.write(_article(image, self._picture(image), result.note))
            self.out.flush()
        else:
            self.unflagged += 1
            if len(self.names) < MOST_LISTED:
                self.names.append(image.path)

    def close(self) -> dict[str, str]:
        """Write the counts and the end of the page; nothing lies beside it."""
        summary = f"{self.findings:,} findings in {self.flagged:,} of {self.flagged + self.unflagged:,} images. {self.promise}"
        rest = _details(f"{self.unflagged:,} without findings", self.names)
        rest += _details(f"{self.errors:,} could not be read whole", self.problems)
        self.out.write(self.foot.replace("<!-- summary -->", _text(summary)).replace("<!-- rest -->", rest))
        return {}

    def _picture(self, image: ReviewedImage) -> str:
        """Return the image with its boxes as an element; without pixels, the boxes on white; "" without boxes."""
        pixels = _pixels(image, self.folder)
        if pixels is None:
            if not image.width or not image.height or all(finding.box is None for finding in image.findings):
                return ""
            scale = min(1.0, LONGEST_SIDE / max(image.width, image.height))
            size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
            pixels = np.full((*size, 3), 255, np.uint8)
        else:
            scale = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
            size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        by = pixels.shape[1] / (image.width or pixels.shape[1])
        boxes = [
            (finding, Box(*finding.box, finding.category if finding.kind else "").scaled(by))
            for finding in image.findings
            if finding.box is not None
        ]
        shown = with_boxes(
            pixels, [box for finding, box in boxes if finding.kind], [box for finding, box in boxes if not finding.kind]
        )
        jpeg = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        return (
            f'<img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" width="{shown.shape[1]}" '
            f'height="{shown.shape[0]}" loading="lazy" alt="{_text(_alt(image))}">'
        )


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


def _pixels(image: ReviewedImage, folder: Path | None) -> np.ndarray | None:
    """Return the pixels of an image; None where it is not there or cannot be read."""
    path: Path | None = Path(image.path)
    if folder is not None:
        path = None if escapes_directory(image.name) else find_picture(folder, image.name)
    try:
        if path is None or not path.is_file():
            return None
        return read_image(path, image.width, image.height).pixels
    except (UnreadableImage, OSError, ValueError):
        return None


def _article(image: ReviewedImage, picture: str, note: str | None) -> str:
    """Return one image with its chips, its reasons and, smaller, what else is in it."""
    flagged = [finding for finding in image.findings if finding.kind]
    others = sorted({finding.category for finding in image.findings if not finding.kind})
    # Numbers are those that `with_boxes` writes beside boxes of several names.
    boxed = list(dict.fromkeys(f.category for f in flagged if f.box is not None))
    number = {name: f"{place} " for place, name in enumerate(boxed, 1)} if len(boxed) > 1 else {}
    alike = Counter((finding.kind, finding.category) for finding in flagged)
    each = {(finding.kind, finding.category): finding for finding in reversed(flagged)}  # the strongest of each
    shown = sorted(each.values(), key=lambda finding: -finding.strength)
    chips = "".join(_chip(f, number.get(f.category, ""), alike[f.kind, f.category]) for f in shown)
    also = f'<p class="also">also there: {_text(", ".join(others))}</p>' if others else ""
    remark = f'<p class="also">{_text(note)}</p>' if note else ""
    classes = " ".join(sorted({finding.category for finding in flagged}))
    return (
        f'<article data-strength="{image.strength:.6f}" data-name="{_text(image.path)}" data-count="{len(shown)}" '
        f'data-classes="{_text(classes)}">{picture}<h2>{_text(image.path)}</h2><ul>{chips}</ul>{also}{remark}</article>\n'
    )


def _chip(finding: Finding, number: str, alike: int) -> str:
    """Return findings of one class as a chip, with the figures of the strongest and its reason behind it."""
    said = [f"p = {finding.attributes['p_value']:.2g}"] if "p_value" in finding.attributes else []
    if "probability" in finding.attributes:
        said.append(f"expected with {100 * float(finding.attributes['probability']):.2g} %")
    if "true_probability" in finding.attributes:
        said.append(f"right with {100 * float(finding.attributes['true_probability']):.0f} %, by the verdicts")
    why = f"; {finding.explanation}" if finding.explanation else ""
    name = f"missing: {finding.category}" if finding.kind == MISSING else f"{number}{finding.category}"
    name += f" ×{alike}" if alike > 1 else ""
    return f'<li><b class="{_text(finding.kind)}">{_text(name)}</b> <span>{_text(", ".join(said) + why)}</span></li>'


def _alt(image: ReviewedImage) -> str:
    """Return the text for a reader who cannot see the image."""
    flagged = ", ".join(f"{finding.kind} {finding.category}" for finding in image.findings if finding.kind)
    return f"{image.name}: {flagged}"


def _details(title: str, lines: list[str]) -> str:
    """Return a list that is folded up, or nothing if it is empty."""
    if not lines:
        return ""
    return f"<details><summary>{_text(title)}</summary><p>{'<br>'.join(map(_text, lines))}</p></details>"


def _text(text: str) -> str:
    return escape(printable(text))
