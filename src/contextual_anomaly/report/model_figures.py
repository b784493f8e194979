"""Figures of the chapter on context models."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.figures import styled
from contextual_anomaly.report.style import COLOURS, ORIGINAL

PANELS = {
    ("inject_uniform", "recall_at_1"): "any class added: ranked first",
    ("inject_matched", "recall_at_1"): "matched class added: ranked first",
    ("remove", "recall_at_1_per_image"): "class removed: ranked first",
}


@styled
def ranking(standing: pd.DataFrame, labels: dict[str, str], ceiling: str | None) -> Figure:
    """A dot for each model, the best on top; where the best possible is known, a line.

    Args:
        standing: value, low, high by (model, experiment, metric).
        labels: of each model, in order.
    """
    figure = Figure(figsize=(10, 1.1 + 0.3 * len(labels)), layout="constrained")
    place = np.arange(len(labels))[::-1]
    for axes, (key, title) in zip(figure.subplots(1, len(PANELS), sharey=True), PANELS.items(), strict=True):
        rows = pd.DataFrame([standing.loc[(model, *key)] for model in labels])
        ends = np.maximum([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0)
        colour = [ORIGINAL if model == ceiling else COLOURS[0] for model in labels]
        axes.errorbar(rows["value"], place, xerr=ends, fmt="none", ecolor=colour, elinewidth=2)
        axes.scatter(rows["value"], place, color=colour, s=28, zorder=3)
        for value, y in zip(rows["value"], place, strict=True):
            axes.annotate(f"{value:.3f}", (value, y), (0, 5), textcoords="offset points", ha="center", fontsize=6.5)
        if ceiling:
            best = standing.loc[(ceiling, *key), "value"]
            axes.axvline(best, color=ORIGINAL, linestyle="--", linewidth=1)
            axes.annotate(" ceiling", (best, -0.75), fontsize=7, color=ORIGINAL, ha="right", va="bottom")
        axes.set_yticks(place, list(labels.values()))
        axes.set(title=title, xlim=(0, max(1.08 * rows["value"].max(), 0.1)), ylim=(-0.9, len(labels) - 0.4))
    return figure


@styled
def calibration(curves: dict[str, pd.DataFrame], labels: dict[str, str]) -> Figure:
    """Share of present classes against expectation, on logarithmic axes, one small panel a model."""
    columns = 4
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(10, 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    lowest = 1e-4
    for axes, (model, curve) in zip(panels, curves.items(), strict=False):
        enough = curve[(curve["pairs"] >= 20) & (curve["present"] > 0)]
        axes.plot([lowest, 1], [lowest, 1], color=ORIGINAL, linewidth=1, linestyle="--")
        axes.plot(enough["probability"], enough["present"], marker=".", color=COLOURS[0])
        axes.set(title=labels[model], xscale="log", yscale="log", xlim=(lowest / 3, 1.3), ylim=(lowest / 3, 1.3))
    for axes in list(panels)[len(curves) :]:
        axes.set_visible(False)
    figure.supxlabel("expected", fontsize=9)
    figure.supylabel("share that is there", fontsize=9)
    return figure
