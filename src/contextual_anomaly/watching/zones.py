"""Zones: parts of the picture whose objects are of interest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contextual_anomaly.errors import UserError

BY_ITSELF = "expected NAME=X,Y,X,Y,X,Y with three corners or more, as door=0.1,0.2,0.4,0.2,0.4,0.9"


@dataclass(frozen=True)
class Zone:
    """A polygon.

    Attributes:
        name: of the zone.
        corners: x and y of at least three corners, in shares of width and height if none is above 1, else in pixels.
    """

    name: str
    corners: tuple[tuple[float, float], ...]

    @classmethod
    def parse(cls, text: str) -> "Zone":
        """Return the zone of an option, NAME=X,Y,X,Y,X,Y.

        Raises:
            UserError: it is none.
        """
        name, equals, numbers = text.partition("=")
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        wrong = len(values) < 6 or len(values) % 2 or not all(0 <= value < np.inf for value in values)
        if not (name.strip() and equals) or wrong:
            raise UserError(f"zone {text!r}: {BY_ITSELF}.")
        return cls(name.strip(), tuple(zip(values[::2], values[1::2], strict=True)))

    def holds(self, x: float, y: float, size: tuple[int, int] | None) -> bool:
        """Whether a point lies in it.

        Args:
            x: from the left edge in pixels.
            y: from the upper edge in pixels.
            size: width and height of the picture in pixels.

        Raises:
            UserError: the zone is in shares of a size that is not known.
        """
        corners = np.array(self.corners)
        if corners.max() <= 1:
            if size is None:
                raise UserError(
                    f"zone {self.name!r} is in shares of the picture, whose size nobody says: give width and height with "
                    "the detections, or the zone in pixels."
                )
            corners = corners * size
        # A ray to the right crosses the outline an odd number of times.
        (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
        crossed = (y1 > y) != (y2 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = x1 + (y - y1) / (y2 - y1) * (x2 - x1)
        return bool(np.count_nonzero(crossed & (x < at)) % 2)


def zone_of(
    zones: Sequence[Zone], box: tuple[float, float, float, float] | None, size: tuple[int, int] | None
) -> str | None:
    """Return the name of the first zone that the middle of a box's lower edge lies in; None if it lies in none."""
    if box is None:
        return None
    x, y, width, height = box
    return next((zone.name for zone in zones if zone.holds(x + width / 2, y + height, size)), None)
