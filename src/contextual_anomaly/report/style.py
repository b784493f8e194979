"""How every figure looks, and how it becomes part of the page."""

import base64
import io

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
ORIGINAL = "#8a8a8a"  # what was published

RC = {
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
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
    "svg.hashsalt": "contextual-anomaly",  # the same figure has the same ids, and so the same bytes
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def svg(figure: Figure, alt: str) -> Markup:
    """The figure as an image element that scales with the page."""
    buffer = io.BytesIO()
    with mpl.rc_context(RC):  # the salt of the ids is read when the figure is written
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return embedded("image/svg+xml", buffer.getvalue(), alt)


def embedded(mime: str, content: bytes, alt: str) -> Markup:
    """An image element that carries its content."""
    data = base64.b64encode(content).decode()
    return Markup('<img src="data:{};base64,{}" alt="{}">').format(mime, data, alt)  # format escapes
