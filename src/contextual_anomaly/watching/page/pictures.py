"""Frames as JPEG: made when somebody asks, and once, however many ask."""

from collections import OrderedDict
from dataclasses import replace

import cv2
import numpy as np
import simplejpeg

from contextual_anomaly.watching.pictures import ScenePicture
from contextual_anomaly.watching.state import LiveState, Moment

LONGEST_SIDE = 1280
"""Pixels; larger frames are made smaller."""
JPEG_QUALITY = 80
MOMENTS_KEPT = 16
"""Moments whose frames were shown last, so that a page can ask for the objects of the frame that it has."""


class Pictures:
    """The newest frame as JPEG, as it is and with its boxes.

    Attributes:
        made: JPEGs that were made.
    """

    def __init__(self, live: LiveState) -> None:
        """Take the frames of a watch."""
        self.live, self.made = live, 0
        self._made: dict[bool, tuple[int, bytes]] = {}
        self._shown: OrderedDict[int, Moment] = OrderedDict()

    @property
    def number(self) -> int | None:
        """Number of the newest frame; None before the first."""
        frame = self.live.moment.frame
        return None if frame is None else frame.number

    def newest(self, boxes: bool = False) -> tuple[int, bytes] | None:
        """Return number and JPEG of the newest frame, b"" if only objects are known of it; None before the first.

        Args:
            boxes: whether boxes are drawn into it, and reasons beside it.
        """
        moment = self.live.moment
        if moment.frame is None:
            return None
        number = moment.frame.number
        self._keep(moment)
        if moment.frame.pixels is None:
            return number, b""
        if self._made.get(boxes, (None, b""))[0] != number:
            self.made += 1
            pixels = moment.frame.pixels
            if boxes and moment.scene is not None:
                pixels = ScenePicture(moment.frame, moment.scene).drawn
            self._made[boxes] = number, _jpeg(pixels)
        return self._made[boxes]

    def moment(self, number: int | None) -> Moment:
        """Return the moment of a frame that was shown lately, or else the newest."""
        newest = self.live.moment
        if number is None or (newest.frame is not None and newest.frame.number == number):
            return newest
        return self._shown.get(number, newest)

    def _keep(self, moment: Moment) -> None:
        frame = moment.frame
        assert frame is not None
        if frame.pixels is not None:  # pictures are large, and this one is not asked for again
            frame = replace(frame, pixels=None, size=(frame.pixels.shape[1], frame.pixels.shape[0]))
        self._shown[frame.number] = replace(moment, frame=frame)
        while len(self._shown) > MOMENTS_KEPT:
            self._shown.popitem(last=False)


def _jpeg(pixels: np.ndarray) -> bytes:
    """Return an image [height, width, 3] of blue, green and red as JPEG."""
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=JPEG_QUALITY, colorspace="BGR", colorsubsampling="420"
    )
