"""The figures of the chapter that sets the published results beside ours."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contextual_anomaly.report.figures import styled
from contextual_anomaly.report.style import COLOURS, ORIGINAL


@styled
def beside_published(table: pd.DataFrame) -> Figure:
    """Experiment 1: the published mean ± 2 standard deviations, and ours with the range of the weight seeds.

    Args:
        table: as `reproduction.beside_published` gives it.
    """
    parts = list(table.groupby("part", sort=False))
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, (part, rows) in zip(figure.subplots(1, len(parts), squeeze=False).flat, parts, strict=True):
        low, high = (rows["published"] + sign * 2 * rows["published_std"] for sign in (-1, 1))
        axes.fill_between(rows["d"], low, high, color=ORIGINAL, alpha=0.25, label="published ± 2 std")
        axes.plot(rows["d"], rows["published"], color=ORIGINAL)
        ends = [rows["ours"] - rows["ours_low"], rows["ours_high"] - rows["ours"]]
        axes.errorbar(
            rows["d"], rows["ours"], yerr=ends, fmt="o", markersize=3, capsize=2, label="ours, range of seeds"
        )
        axes.set(title=part, xlabel="d", ylabel="found, %", ylim=(0, 100))
    axes.legend(loc="upper right")
    return figure


@styled
def rescoring_shape(table: pd.DataFrame, detector: str) -> Figure:
    """Experiment 2: precision against threshold, as published and here, on the same scale.

    Args:
        table: as `reproduction.shape_of_rescoring` gives it.
    """
    figure = Figure(figsize=(10, 3), layout="constrained")
    theirs, ours, rise = figure.subplots(1, 3)
    for axes, alone, gate, title in (
        (theirs, "published_alone", "published_gate", "As published: YOLOv3"),
        (ours, "alone", "gate", f"Here: {detector}"),
    ):
        axes.plot(table["threshold"], table[alone], marker=".", color=ORIGINAL, label="detector alone")
        axes.plot(table["threshold"], table[gate], marker=".", color=COLOURS[1], label="with the autoencoder's gate")
        axes.set(title=title, xlabel="threshold", ylabel="precision", ylim=(0.5, 1))
    theirs.legend(loc="lower right")
    rise.plot(table["threshold"], table["published_rise"], marker=".", color=ORIGINAL, label="published")
    rise.plot(table["threshold"], table["rise"], marker=".", color=COLOURS[0], label="here")
    rise.set(title="By how much the gate raises it", xlabel="threshold", ylabel="precision")
    rise.legend()
    return figure


@styled
def findings(published: pd.DataFrame, corrected: pd.DataFrame, epochs: dict[str, int], units: int) -> Figure:
    """The findings about the published measure at a glance.

    Args:
        published: `tables.SUMMARY` of the published protocol, metric found.
        corrected: the same of the corrected one.
        epochs: for how many each sweep was trained that the third panel shows.
        units: of which size the last panel is.
    """
    figure = Figure(figsize=(10, 6), layout="constrained")
    rarest, own, lengths, alarms = figure.subplots(2, 2).flat

    def curve(axes: Axes, model: str, experiment: str, label: str, colour: str) -> None:
        rows = published[(published["model"] == model) & (published["experiment"] == experiment)]
        mean = 100 * rows.groupby("bottleneck")["value"].agg(["mean", "min", "max"]).dropna()
        if len(mean):
            ends = [mean["mean"] - mean["min"], mean["max"] - mean["mean"]]
            axes.errorbar(mean.index, mean["mean"], yerr=ends, marker=".", capsize=2, label=label, color=colour)

    curve(rarest, "published", "inject_20_least_common_label", "positions 0 to 18, as published", COLOURS[0])
    curve(rarest, "published", "inject_20_rarest", "the true 20 rarest", COLOURS[1])
    rarest.set(title="“20 least common”", xlabel="d", ylabel="found, %")
    curve(own, "published", "remove", "images that each one chooses", COLOURS[0])
    curve(own, "published", "remove_all_images", "all images", COLOURS[1])
    own.set(title="Removal", xlabel="d", ylabel="found, %")
    for number, (model, count) in enumerate(epochs.items()):
        curve(lengths, model, "inject_any", f"{count:,} epochs", COLOURS[number])
    lengths.set(title="Any class, by epochs", xlabel="d", ylabel="found, %")
    of_units = corrected[(corrected["experiment"] == "inject_uniform") & corrected["bottleneck"].isin([units, np.nan])]
    names = {"frequency": "class frequency", "published": f"autoencoder, d = {units}"}
    for number, (metric, label) in enumerate((("detected", "added objects"), ("false_alarms", "genuine objects"))):
        rows = of_units[of_units["metric"] == metric].groupby("model")["value"].mean()
        place = np.arange(len(names)) + 0.4 * number
        alarms.bar(place, 100 * rows.reindex(list(names)), width=0.38, color=COLOURS[number], label=label)
    alarms.set_xticks(np.arange(len(names)) + 0.2, list(names.values()))
    alarms.set(title="Flagged by the published rule", ylabel="flagged, %")
    for axes in (rarest, own, lengths, alarms):
        axes.legend()
    return figure
