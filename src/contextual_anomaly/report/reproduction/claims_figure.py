"""The figure of the claims about the original, a panel each."""

from collections.abc import Callable
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from contextual_anomaly.report.style import COLOURS, styled


@styled
def plot_claims(claims: Claims, epochs: dict[str, int]) -> Figure:
    """Draw the claims at a glance, a panel each; those that the run has no figures for are left out.

    Args:
        claims: The claims.
        epochs: Number of training epochs of each sweep in the panel on training.
    """
    panels: list[Callable[[Claims, Axes], None]] = [_positions, _false_alarms, _own_images]
    panels += [partial(_epochs, epochs=epochs)] if len(epochs) > 1 else []
    panels += [_single_class_images] if EVERY_IMAGE in claims.run.sweeps else []
    panels += [partial(_bought_with_recall, detector=name) for name in claims.run.detectors[:1]]
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
    """Draw the share found against the number of units, from ``least`` on, with the range of the weight seeds."""
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
    _curve(claims, axes, PUBLISHED, REMOVE, "images that each chooses", COLOURS[0], published)
    _curve(claims, axes, PUBLISHED, REMOVE_ALL, "all images", COLOURS[1], published)
    axes.set(title="Removal")


def _epochs(claims: Claims, axes: Axes, epochs: dict[str, int]) -> None:
    for number, (model, count) in enumerate(epochs.items()):
        _curve(claims, axes, model, "inject_any", f"{count:,} epochs", COLOURS[number])
    axes.set(title="Any class, by epochs")


def _single_class_images(claims: Claims, axes: Axes) -> None:
    names = {PUBLISHED: "trained on several classes", EVERY_IMAGE: "trained on every image"}
    for number, (name, label) in enumerate(names.items()):
        seeds = claims.predicted_company(name)
        ends = [[seeds.mean() - seeds.min()], [seeds.max() - seeds.mean()]]
        axes.bar(number, seeds.mean(), yerr=ends, capsize=2, color=COLOURS[number], width=0.6, label=label)
    axes.set_xticks([])
    axes.set(title="Images of a single class", ylabel="other classes predicted")
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])


def _bought_with_recall(claims: Claims, axes: Axes, detector: str) -> None:
    methods = dict(list(claims.rescored(detector).groupby("method")))
    for number, (method, label) in enumerate({"detector": "detector alone", "gate": "with the gate"}.items()):
        rows = methods[method]
        axes.plot(rows["recall"], rows["precision"], marker=".", color=COLOURS[number], label=label)
    axes.set(title=f"Experiment 2, {detector}", xlabel="recall", ylabel="precision")
