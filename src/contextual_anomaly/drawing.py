"""Images with findings: flagged objects stand out, everything else recedes, and what is said stands below the image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

FLAGGED, MISSING, OTHER = (0, 94, 213), (176, 104, 20), (140, 140, 140)
"""Blue, green and red of unexpected objects, of missing classes, and of the boxes of all other objects."""
PAPER, INK = (255, 255, 255), (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SIZE = 0.5
WASHED_OUT = 0.45  # share of white in what recedes
OTHER_OPACITY = 0.5
COLOUR_LEFT = 0.35  # share of its colour that what recedes keeps
CHIP = 22  # pixels, height of a chip
GAP = 6  # pixels around chips
DASH = 8  # pixels
BADGE = 9  # pixels, radius of a number at a box


@dataclass(frozen=True)
class Box:
    """A box in pixels from the image's top left corner."""

    x: float
    y: float
    width: float
    height: float
    name: str = ""  # what a chip below the image says of it; nothing where empty

    def scaled(self, scale: float, left: float = 0, top: float = 0) -> "Box":
        """Return the box in an image that was cut at (left, top) and then resized by ``scale``."""
        return replace(
            self,
            x=(self.x - left) * scale,
            y=(self.y - top) * scale,
            width=self.width * scale,
            height=self.height * scale,
        )


def annotated_image(
    image: np.ndarray,
    flagged: Sequence[Box],
    others: Sequence[Box] = (),
    missing: Sequence[str] = (),
    gaps: Sequence[Box] = (),
) -> np.ndarray:
    """Return an image with its findings: boxes in it, and a strip below it that names them.

    Nothing is written over the image but a number beside each flagged box, where several names are flagged.

    Args:
        image: [height, width, 3] uint8: blue, green, red, as OpenCV has it.
        flagged: Unexpected objects; their names become chips, each name once.
        others: All other objects, which recede.
        missing: What the chips of missing classes say.
        gaps: Where a missing class would be expected, if one knows; rendered as dashed boxes.

    Returns:
        An image [height + strip, width, 3] uint8, as high as ``image`` where there is nothing to say.
    """
    return np.concatenate([with_boxes(image, flagged, others, gaps), chips(image.shape[1], _names(flagged), missing)])


def with_boxes(
    image: np.ndarray, flagged: Sequence[Box], others: Sequence[Box] = (), gaps: Sequence[Box] = ()
) -> np.ndarray:
    """Return the image with flagged boxes in full colour and all else washed out; arguments as `annotated_image`'s.

    Without a flagged box nothing is washed out.
    """
    drawn = image.copy()
    if flagged:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        receding = cv2.addWeighted(image, COLOUR_LEFT, grey, 1 - COLOUR_LEFT, 0)
        drawn = cv2.addWeighted(receding, 1 - WASHED_OUT, np.full_like(image, 255), WASHED_OUT, 0)
    plain = drawn.copy()
    for box in others:
        cv2.rectangle(drawn, *_corners(box), OTHER, 1, cv2.LINE_AA)
    drawn = cv2.addWeighted(drawn, OTHER_OPACITY, plain, 1 - OTHER_OPACITY, 0)
    for box in flagged:
        (left, top), (right, bottom) = _corners(box)
        inside = slice(max(top, 0), max(bottom, 0) + 1), slice(max(left, 0), max(right, 0) + 1)
        drawn[inside] = image[inside]
    for box in gaps:
        _dashed(drawn, box)
    for box in flagged:
        cv2.rectangle(drawn, *_corners(box), PAPER, 5, cv2.LINE_AA)
    for box in flagged:
        cv2.rectangle(drawn, *_corners(box), FLAGGED, 3, cv2.LINE_AA)
    names = _names(flagged)
    if len(names) > 1:
        for box in flagged:
            if box.name:
                _badge(drawn, box, names.index(box.name) + 1)
    return drawn


def chips(width: int, unexpected: Sequence[str], missing: Sequence[str]) -> np.ndarray:
    """Return a strip [height, width, 3] of chips: filled ones for the unexpected, dashed ones for the missing.

    Its height is 0 without chips. A name that is wider than the strip is cut off at the end.
    """
    numbers = [f"{number} " if len(unexpected) > 1 else "" for number in range(1, len(unexpected) + 1)]
    texts = [(number + name, False) for number, name in zip(numbers, unexpected, strict=True)]
    texts += [(f"missing: {name}", True) for name in missing]
    placed, x, y = [], 0, GAP
    for text, is_missing in texts:
        wide = min(_text_width(text) + 2 * GAP, width - 1)
        if x and x + wide >= width:
            x, y = 0, y + CHIP + GAP
        placed.append((text, is_missing, x, y, wide))
        x += wide + GAP
    strip = np.full((y + CHIP + GAP if placed else 0, width, 3), 255, np.uint8)
    for text, is_missing, x, y, wide in placed:
        while len(text) > 4 and _text_width(text) + 2 * GAP > wide:
            text = text[:-4] + "..."
        if is_missing:
            _dashed(strip, Box(x, y, wide, CHIP), thickness=1)
        else:
            cv2.rectangle(strip, (x, y), (x + wide, y + CHIP), FLAGGED, cv2.FILLED)
        colour = MISSING if is_missing else PAPER
        cv2.putText(strip, text, (x + GAP, y + CHIP - 6), FONT, FONT_SIZE, colour, 1, cv2.LINE_AA)
    return strip


def _names(boxes: Sequence[Box]) -> list[str]:
    """Return the names of boxes, each once, the first first."""
    return list(dict.fromkeys(box.name for box in boxes if box.name))


def _text_width(text: str) -> int:
    return cv2.getTextSize(text, FONT, FONT_SIZE, 1)[0][0]


def _corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    return (round(box.x), round(box.y)), (round(box.x + box.width), round(box.y + box.height))


def _dashed(image: np.ndarray, box: Box, thickness: int = 2) -> None:
    """Draw the outline of a box in dashes."""
    (left, top), (right, bottom) = _corners(box)
    for x in range(left, right, 2 * DASH):
        for y in (top, bottom):
            cv2.line(image, (x, y), (min(x + DASH, right), y), MISSING, thickness, cv2.LINE_AA)
    for y in range(top, bottom, 2 * DASH):
        for x in (left, right):
            cv2.line(image, (x, y), (x, min(y + DASH, bottom)), MISSING, thickness, cv2.LINE_AA)


def _badge(image: np.ndarray, box: Box, number: int) -> None:
    """Write the number of a chip on the upper left corner of a box, moved into the image."""
    x = int(np.clip(box.x, BADGE, max(image.shape[1] - BADGE, BADGE)))
    y = int(np.clip(box.y, BADGE, max(image.shape[0] - BADGE, BADGE)))
    cv2.circle(image, (x, y), BADGE, FLAGGED, cv2.FILLED, cv2.LINE_AA)
    text = str(number)
    cv2.putText(image, text, (x - _text_width(text) // 2, y + 5), FONT, 0.45, PAPER, 1, cv2.LINE_AA)
