"""The look of every figure, and how a figure becomes part of the page."""

import base64
import io
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import NullFormatter

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
PUBLISHED_COLOUR = "#8a8a8a"

RC: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "text.parse_math": False,  # a class may be called $100
    "svg.hashsalt": "contextual-anomaly",  # fixed, so that the same figure has the same ids and the same bytes
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}

P = ParamSpec("P")


def styled(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return the function with the report's style, which holds only while it draws."""

    @wraps(function)
    def draw(*arguments: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return function(*arguments, **options)

    return draw


def plain_powers_of_ten(*axes: Axis) -> None:
    """Label logarithmic axes with plain numbers; Matplotlib's own labels are formulas, which `RC` leaves as text."""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        axis.set_minor_formatter(NullFormatter())


def svg(figure: Figure, alt: str) -> Markup:
    """Return the figure as an image element that scales with the page."""
    buffer = io.BytesIO()
    with mpl.rc_context(RC):  # the salt of the ids is read when the figure is written
        if (layout := figure.get_layout_engine()) is not None:
            # Now, and not again: Matplotlib would draw the figure once to lay it out, and once more to write it.
            layout.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return embedded("image/svg+xml", buffer.getvalue(), alt)


def embedded(mime: str, content: bytes, alt: str) -> Markup:
    """Return an image element that carries its content.

    Args:
        mime: Type of the content, as image/jpeg.
        content: Bytes of the image file.
        alt: Text for readers who cannot see the image.
    """
    data = base64.b64encode(content).decode()
    return Markup('<img src="data:{};base64,{}" alt="{}">').format(mime, data, alt)  # format escapes
