"""Pictures of a watched scene: what is flagged stands out, and a panel at the side says why, and what is missing."""

from collections.abc import Iterable
from functools import cached_property, lru_cache

import cv2
import numpy as np

from contextual_anomaly.checking.results import Attribution
from contextual_anomaly.drawing import FLAGGED, FONT, INK, MISSING, PAPER, Box, with_boxes
from contextual_anomaly.models.attributions import in_words
from contextual_anomaly.watching.frames import Frame
from contextual_anomaly.watching.scene import Scene

PANEL = 240  # pixels, width of the panel
LINE = 20  # pixels from line to line
MARGIN = 10  # pixels
QUALITY = 85  # of JPEG, 0 to 100
SMALL, USUAL = 0.4, 0.5  # sizes of the font
REASONS = 3
"""Reasons that the panel shows of each finding."""

Text = tuple[str, float, tuple[int, int, int]]


class ScenePicture:
    """The picture of one moment, drawn when somebody asks for it and never twice."""

    def __init__(self, frame: Frame, scene: Scene) -> None:
        """Take the moment.

        Args:
            frame: with its pixels.
            scene: what is seen in it.
        """
        self.frame, self.scene = frame, scene

    @cached_property
    def drawn(self) -> np.ndarray:
        """[h, w + PANEL, 3] blue, green, red, uint8; height and width are even, as codecs want them."""
        assert self.frame.pixels is not None
        flagged, others = [], []
        for found in self.scene.objects:
            if found.box is not None:
                (flagged if found.flagged else others).append(Box(*found.box, found.category))
        image = with_boxes(self.frame.pixels, flagged, others)
        both = np.concatenate([image, _panel(image.shape[0], self._texts())], axis=1)
        return both[: both.shape[0] // 2 * 2, : both.shape[1] // 2 * 2]

    @cached_property
    def jpeg(self) -> bytes:
        """The picture as the bytes of a JPEG file."""
        return cv2.imencode(".jpg", self.drawn, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()

    def _texts(self) -> tuple[Text, ...]:
        """Return the lines of the panel."""
        lines: list[Text] = []
        if self.scene.blind:
            lines.append((f"nothing can be seen: {self.scene.blind}", USUAL, INK))
        for found in self.scene.objects:
            if found.flagged:
                lines += _finding("unexpected", found.category, FLAGGED, found.probability, found.attributions)
        for absent in self.scene.absent:
            if absent.flagged:
                lines += _finding("missing", absent.category, MISSING, absent.probability, absent.attributions)
        return tuple(lines)


def _finding(
    kind: str,
    category: str,
    colour: tuple[int, int, int],
    probability: float | None,
    attributions: tuple[Attribution, ...],
) -> Iterable[Text]:
    yield f"{kind}: {category}", USUAL, colour
    if probability is not None:
        yield f"  probability {probability:.2g}", SMALL, INK
    reasons = in_words((part.category, part.log_odds) for part in attributions)
    for reason in reasons.split(", ")[:REASONS] if reasons else ():
        yield f"  {reason}", SMALL, INK


@lru_cache(4)  # as long as nothing changes in it, it is drawn once
def _panel(height: int, texts: tuple[Text, ...]) -> np.ndarray:
    """Return the panel [height, PANEL, 3]; what does not fit is left out."""
    panel = np.full((height, PANEL, 3), PAPER, np.uint8)
    for row, (text, size, colour) in enumerate(texts, 1):
        place = (MARGIN, MARGIN + LINE * row - LINE // 3)
        cv2.putText(panel, text, place, FONT, size, colour, 1, cv2.LINE_AA)
    return panel
