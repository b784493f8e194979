"""The figures of the chapter that sets the published results beside ours."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contextual_anomaly.report.figures import styled
from contextual_anomaly.report.reproduction.claims import (
    EVERY_IMAGE,
    POSITIONS,
    PUBLISHED,
    RAREST,
    REMOVE,
    REMOVE_ALL,
    UNITS,
    Claims,
)
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1
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
        axes.set(title=title, xlabel="threshold", ylabel="precision", ylim=(0.5, 1.02))
    theirs.legend(loc="lower right")
    rise.plot(table["threshold"], table["published_gain"], marker=".", color=ORIGINAL, label="published")
    rise.plot(table["threshold"], table["precision_gain_same_threshold"], marker=".", color=COLOURS[0], label="here")
    rise.set(title="By how much the gate raises it", xlabel="threshold", ylabel="precision")
    rise.legend()
    return figure


@styled
def claims(claims: Claims, epochs: dict[str, int]) -> Figure:
    """The claims about the original at a glance, a panel each; a panel without figures stays away.

    Args:
        epochs: for how many each sweep was trained that the panel on training shows.
    """
    panels = [_positions, _false_alarms, _own_images]
    panels += [partial(_epochs, epochs=epochs)] if len(epochs) > 1 else []
    panels += [_single_class_images] if EVERY_IMAGE in claims.results.sweeps else []
    panels += [partial(_bought_with_recall, detector=name) for name in claims.results.detectors[:1]]
    rows = -(-len(panels) // 3)
    figure = Figure(figsize=(10, 3 * rows), layout="constrained")
    places = figure.subplots(rows, 3, squeeze=False).flat
    for axes, panel in zip(places, panels, strict=False):
        panel(claims, axes)
        axes.legend()
    for axes in list(figure.axes)[len(panels) :]:
        axes.set_axis_off()
    return figure


def _curve(claims: Claims, axes: Axes, model: str, experiment: str, label: str, colour: str, least: int = 1) -> None:
    """Share found against the number of units, from ``least`` on, with the range of the weight seeds."""
    rows = claims.published
    rows = rows[(rows["model"] == model) & (rows["experiment"] == experiment) & (rows["bottleneck"] >= least)]
    of = 100 * rows.groupby("bottleneck")["value"].agg(["mean", "min", "max"]).dropna()
    if len(of):
        ends = [of["mean"] - of["min"], of["max"] - of["mean"]]
        axes.errorbar(of.index, of["mean"], yerr=ends, marker=".", capsize=2, label=label, color=colour)
    axes.set(xlabel="d", ylabel="found, %")


def _positions(claims: Claims, axes: Axes) -> None:
    _curve(claims, axes, PUBLISHED, POSITIONS, "positions 0 to 18, as published", COLOURS[0])
    _curve(claims, axes, PUBLISHED, RAREST, "the true 20 rarest", COLOURS[1])
    axes.set(title="“20 least common”")


def _false_alarms(claims: Claims, axes: Axes) -> None:
    names = {"frequency": "class frequency", PUBLISHED: f"autoencoder, d = {UNITS}"}
    place = np.arange(len(names))
    for number, (metric, label) in enumerate((("tpr", "added objects"), ("fpr", "genuine objects"))):
        values = [100 * claims.measured(name, "inject_uniform", metric) for name in names]
        mean = np.array([v.mean() for v in values])
        ends = [mean - [v.min() for v in values], [v.max() for v in values] - mean]
        axes.bar(place + 0.4 * number, mean, yerr=ends, capsize=2, width=0.38, color=COLOURS[number], label=label)
    axes.set_xticks(place + 0.2, list(names.values()))
    axes.set(title="Flagged by the published rule", ylabel="flagged, %", ylim=(0, 125))


def _own_images(claims: Claims, axes: Axes) -> None:
    published = min(EXPERIMENT_1[REMOVE])  # smaller ones choose next to no images
    _curve(claims, axes, PUBLISHED, REMOVE, "images that each one chooses", COLOURS[0], published)
    _curve(claims, axes, PUBLISHED, REMOVE_ALL, "all images", COLOURS[1], published)
    axes.set(title="Removal")


def _epochs(claims: Claims, axes: Axes, epochs: dict[str, int]) -> None:
    for number, (model, count) in enumerate(epochs.items()):
        _curve(claims, axes, model, "inject_any", f"{count:,} epochs", COLOURS[number])
    axes.set(title="Any class, by epochs")


def _single_class_images(claims: Claims, axes: Axes) -> None:
    names = {PUBLISHED: "learnt from several classes", EVERY_IMAGE: "learnt from every image"}
    for number, (name, label) in enumerate(names.items()):
        seeds = claims.company(name)
        ends = [[seeds.mean() - seeds.min()], [seeds.max() - seeds.mean()]]
        axes.bar(number, seeds.mean(), yerr=ends, capsize=2, color=COLOURS[number], width=0.6, label=label)
    axes.set_xticks([])
    axes.set(title="Images of a single class", ylabel="other classes expected")
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])


def _bought_with_recall(claims: Claims, axes: Axes, detector: str) -> None:
    methods = dict(list(claims.rescored(detector).groupby("method")))
    for number, (method, label) in enumerate({"detector": "detector alone", "gate": "with the gate"}.items()):
        rows = methods[method]
        axes.plot(rows["recall"], rows["precision"], marker=".", color=COLOURS[number], label=label)
    axes.set(title=f"Experiment 2, {detector}", xlabel="recall", ylabel="precision")
