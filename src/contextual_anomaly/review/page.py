"""Findings as one HTML page that needs nothing beside it: images, what is said of them, and why; sortable."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from contextual_anomaly.coco.pictures import find_picture
from contextual_anomaly.detection.image_reading import UnreadableImage, read_image
from contextual_anomaly.drawing import Box, with_boxes
from contextual_anomaly.review.findings import ReviewedImage, printable
from contextual_anomaly.runtime.paths import escapes_directory

LONGEST_SIDE = 640  # pixels of an image in the page
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Chip:
    """What is said of one class or one object of an image.

    Attributes:
        kind: one of the page's kinds.
        name: what it is about, as "missing: mouse". Boxes bear the number of their name.
        said: the figures, and why.
        boxes: x, y, width and height in pixels of what it is about; none where that is the whole image.
    """

    kind: str
    name: str
    said: str
    boxes: Sequence[tuple[float, float, float, float]] = ()


class FindingsPage:
    """Writes the page; images are added at once, the counts at the end."""

    def __init__(self, out: TextIO, title: str, kinds: Sequence[str], folder: Path | None = None) -> None:
        """Write the head of the page.

        Args:
            out: where the page goes; it stays open.
            title: of the page.
            kinds: of findings, by which images can be chosen.
            folder: of the images of annotations; None where paths say where the images are, or there are none.
        """
        self.out, self.folder = out, folder
        template = files("contextual_anomaly.review") / "page.html"
        choices = "\n".join(
            f'<label><input type="checkbox" name="kind" value="{_text(kind)}" checked> {_text(kind)}</label>'
            for kind in kinds
        )
        page = template.read_text(encoding="utf-8")
        page = page.replace("<!-- title -->", _text(title)).replace("<!-- kinds -->", choices)
        head, self.foot = page.split("<!-- findings -->")
        out.write(head)

    def add(self, image: ReviewedImage, chips: Sequence[Chip], note: str | None = None) -> None:
        """Add an image.

        Args:
            image: its objects of which nothing is said are shown as well, smaller.
            chips: what is said of it, the strongest first.
            note: what else is to be said of the image as a whole.
        """
        self.out.write(_article(image, chips, self._picture(image, chips), note))
        self.out.flush()

    def close(self, summary: str, lists: Mapping[str, Sequence[str]]) -> None:
        """Write the end of the page.

        Args:
            summary: what was found, in a sentence or two.
            lists: lines by their title, to fold out; those without a line are left out.
        """
        rest = "".join(_details(title, lines) for title, lines in lists.items() if lines)
        self.out.write(self.foot.replace("<!-- summary -->", _text(summary)).replace("<!-- rest -->", rest))

    def _picture(self, image: ReviewedImage, chips: Sequence[Chip]) -> str:
        """Return the image with its boxes as an element; without pixels, the boxes on white; "" without boxes."""
        flagged = [Box(*box, chip.name) for chip in chips for box in chip.boxes]
        others = [Box(*finding.box) for finding in image.findings if not finding.kind and finding.box is not None]
        pixels = _pixels(image, self.folder)
        names = ""
        if pixels is None:
            if not image.width or not image.height or not (flagged or others):
                return ""
            names = _names(image, image.width, image.height)
            width, height = _shown_size(image.width, image.height)
            pixels = np.full((height, width, 3), 255, np.uint8)
        else:
            size = _shown_size(pixels.shape[1], pixels.shape[0])
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        by = pixels.shape[1] / (image.width or pixels.shape[1])
        shown = with_boxes(pixels, [box.scaled(by) for box in flagged], [box.scaled(by) for box in others])
        jpeg = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        return (
            f'<div class="picture"><img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" width="{shown.shape[1]}" '
            f'height="{shown.shape[0]}" loading="lazy" alt="{_text(_alt(image))}">{names}</div>'
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


def _shown_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height of an image in the page."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _names(image: ReviewedImage, width: int, height: int) -> str:
    """Return the names of the boxes at their places, for an image whose pixels do not show what they are."""
    return "".join(
        f'<span aria-hidden="true" style="left:{100 * max(finding.box[0], 0) / width:.1f}%;'
        f'top:{100 * max(finding.box[1], 0) / height:.1f}%">{_text(finding.category)}</span>'
        for finding in image.findings
        if finding.box is not None
    )


def _article(image: ReviewedImage, chips: Sequence[Chip], picture: str, note: str | None) -> str:
    """Return one image with its chips, its reasons and, smaller, what else is in it."""
    others = sorted({finding.category for finding in image.findings if not finding.kind})
    # Numbers are those that `with_boxes` writes beside boxes of several names.
    boxed = list(dict.fromkeys(chip.name for chip in chips if chip.boxes))
    number = {name: f"{place} " for place, name in enumerate(boxed, 1)} if len(boxed) > 1 else {}
    listed = "".join(
        f'<li><b class="{_text(chip.kind)}">{_text(number.get(chip.name, "") + chip.name)}</b> '
        f"<span>{_text(chip.said)}</span></li>"
        for chip in chips
    )
    also = f'<p class="also">also there: {_text(", ".join(others))}</p>' if others else ""
    remark = f'<p class="also">{_text(note)}</p>' if note else ""
    kinds = " ".join(sorted({chip.kind for chip in chips}))
    classes = " ".join(sorted({chip.name for chip in chips}))
    return (
        f'<article data-strength="{image.strength:.6f}" data-name="{_text(image.path)}" data-count="{len(chips)}" '
        f'data-kinds="{_text(kinds)}" data-classes="{_text(classes)}">{picture}<h2>{_text(image.path)}</h2>'
        f"<ul>{listed}</ul>{also}{remark}</article>\n"
    )


def _alt(image: ReviewedImage) -> str:
    """Return the text for a reader who cannot see the image."""
    flagged = ", ".join(f"{finding.kind} {finding.category}" for finding in image.findings if finding.kind)
    return f"{image.name}: {flagged}"


def _details(title: str, lines: Sequence[str]) -> str:
    """Return a list that is folded up."""
    return f"<details><summary>{_text(title)}</summary><p>{'<br>'.join(map(_text, lines))}</p></details>"


def _text(text: str) -> str:
    return escape(printable(text))
