"""An object and its company as boxes with names on white: all that a model of objects knows of an image."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

GREY, ORANGE = "#7d8790", "#d55e00"
HALO = [withStroke(linewidth=1, foreground="white")]
WIDE = 90  # of an image 640 wide: into wider boxes their class is written, above the others it is


def draw_boxes(axes: Axes, boxes: np.ndarray, names: Sequence[str], odd: int, size: tuple[float, float]) -> None:
    """Draw the objects of an image without the image; one of them stands out.

    Args:
        axes: where.
        boxes: [k, 4] x, y, width and height in pixels; NaN where an object has no box.
        names: k classes. Of each class the largest box bears its name, and the odd object in any case.
        odd: the object that stands out, from 0 to k - 1.
        size: width and height of the image in pixels.
    """
    width, height = size
    area = boxes[:, 2:].prod(1)
    others = sorted((row for row in np.flatnonzero(area > 0).tolist() if row != odd), key=lambda row: -area[row])
    largest = {names[row]: row for row in reversed(others)}.values()
    for row in (*others, odd):
        x, y, wide, high = boxes[row].tolist()
        # The odd box lies on top of what is written beside the others.
        colour, line, on_top = (ORANGE, 2, 4) if row == odd else (GREY, 1, 1)
        axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor=colour, linewidth=line, zorder=on_top))
        if row in largest or row == odd:
            inside = wide > WIDE * width / 640  # otherwise above the box
            at, side = ((x + 4, y + 3), "top") if inside else ((x, y - 6), "bottom")
            axes.text(*at, names[row], va=side, color=colour, fontsize=7.5, path_effects=HALO)
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.6)  # the edge of the image, in any style of figures


def company(names: Sequence[str], odd: int) -> str:
    """Return which classes the other objects have, and how many there are of each, the most first.

    Args:
        names: the classes of all objects of an image.
        odd: the object whose company it is.
    """
    others = Counter(name for row, name in enumerate(names) if row != odd).most_common()
    return ", ".join(name if count == 1 else f"{count}\u00a0×\u00a0{name}" for name, count in others)
