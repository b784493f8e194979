"""The figures of the report, each from the tables of one stage."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1
from contextual_anomaly.report.style import COLOURS, RC

PARTS = {
    "inject_20_least_common_label": "inject, “20 least common”",
    "inject_any": "inject, any class",
    "remove": "remove",
    "inject_most_unexpected": "inject, most unexpected",
    "inject_most_anomalous_outright": "inject, largest difference",
    "remove_most": "remove, most missing",
}
CORRECTED = {
    "inject_uniform": "any absent class",
    "inject_matched": "matched to frequency",
    "inject_rarest": "one of the 20 rarest",
    "remove": "removal",
}


def styled(function):
    """Draw with the report's style, and leave matplotlib's own as it was."""

    def draw(*arguments, **options) -> Figure:
        with mpl.rc_context(RC):
            return function(*arguments, **options)

    return draw


@styled
def class_counts(counts: pd.DataFrame) -> Figure:
    """Images that hold each class, train beside val, the commonest first."""
    train = counts[counts["split"] == "train"].sort_values("images", ascending=False, kind="stable")
    val = counts[counts["split"] == "val"].set_index("name")["images"].reindex(train["name"])
    figure = Figure(figsize=(9, 3.2))
    axes = figure.subplots()
    place = np.arange(len(train))
    axes.bar(place, train["images"], color=COLOURS[0], label="train")
    axes.plot(place, val, ".", color=COLOURS[1], label="val")
    axes.set_yscale("log")
    axes.set_ylabel("images")
    axes.set_xlim(-1, len(place))
    axes.set_xticks(place, train["name"], rotation=90, fontsize=5.5)
    axes.grid(axis="x", visible=False)
    axes.legend()
    return figure


@styled
def training(history: pd.DataFrame) -> Figure:
    """The original's three model-selection plots: loss curves, loss against d, and its fall from d to d + 1."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    curves, against, difference = figure.subplots(1, 3)
    mean = history.groupby(["bottleneck", "epoch"])[["loss", "val_loss"]].mean()
    sizes = sorted(history["bottleneck"].unique())
    colour = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(sizes)))
    for size, shade in zip(sizes, colour, strict=True):
        losses = mean.loc[size]
        curves.plot(losses.index, losses["val_loss"], color=shade, linewidth=1, label=f"d = {size}")
        curves.plot(losses.index, losses["loss"], color=shade, linewidth=0.6, linestyle=":")
    curves.set_ylim(0.97 * mean.to_numpy().min(), np.quantile(mean["val_loss"], 0.995))
    curves.set(xlabel="epoch", ylabel="loss (dotted: training)", title="Loss while training")
    curves.legend(ncols=2 if len(sizes) > 6 else 1, fontsize=5.5, labelspacing=0.2)

    last = history[history["epoch"] == history["epoch"].max()]
    for column, label, marker in (("val_loss", "validation", "o"), ("loss", "training", ".")):
        final = last.groupby("bottleneck")[column].agg(["mean", "min", "max"])
        ends = [final["mean"] - final["min"], final["max"] - final["mean"]]
        against.errorbar(final.index, final["mean"], yerr=ends, marker=marker, capsize=2, label=label)
    against.set(xlabel="units of the hidden layer, d", ylabel="final loss", title="Final loss against d")
    against.legend()

    final = last.groupby("bottleneck")["val_loss"].mean()
    fall = -np.diff(final) / np.diff(final.index)
    difference.bar(np.arange(len(fall)), fall, color=COLOURS[2])
    steps = [f"{a}→{b}" for a, b in zip(final.index[:-1], final.index[1:], strict=True)]
    difference.set_xticks(np.arange(len(fall)), steps, rotation=60, fontsize=6)
    difference.axhline(0, color="black", linewidth=0.6)
    difference.set(ylabel="fall of validation loss per unit", title="What one unit more brings")
    return figure


@styled
def published_boxes(draws: pd.DataFrame, beside_original: bool) -> Figure:
    """Experiment 1, published protocol: share found in each draw, against d."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for axes, (part, title) in zip(figure.subplots(2, 3).flat, PARTS.items(), strict=True):
        rows = draws[(draws["experiment"] == part) & draws["found"].notna()]
        sizes = sorted(rows["bottleneck"].dropna().unique())
        boxes = [100 * rows.loc[rows["bottleneck"] == size, "found"] for size in sizes]
        if boxes:
            axes.boxplot(
                boxes,
                positions=range(len(sizes)),
                widths=0.6,
                flierprops={"markersize": 2},
                medianprops={"color": COLOURS[1]},
                manage_ticks=False,
            )
        if beside_original and part in EXPERIMENT_1:
            original = EXPERIMENT_1[part]
            known = [size for size in sizes if size in original]
            place, means = [sizes.index(size) for size in known], [original[size][0] for size in known]
            spread = [2 * original[size][1] for size in known]
            axes.errorbar(place, means, yerr=spread, fmt="_", color=COLOURS[0], capsize=2, label="published ± 2 std")
            axes.legend()
        axes.set_xticks(range(len(sizes)), [str(int(size)) for size in sizes])
        axes.set(title=title, xlabel="d", ylabel="found, %")
    return figure


@styled
def corrected_bars(summary: pd.DataFrame, rows: pd.DataFrame, metric: str, label: str) -> Figure:
    """One measure of each model, an axis for each kind of change.

    Args:
        summary: `tables.SUMMARY` of the corrected protocol.
        rows: columns model, bottleneck, label: the variants to show.
    """
    figure = Figure(figsize=(10, 0.9 + 0.32 * len(rows)), layout="constrained")
    keys = ["model", "bottleneck"]
    for axes, (experiment, title) in zip(figure.subplots(1, 4, sharey=True).flat, CORRECTED.items(), strict=True):
        wanted = summary[(summary["experiment"] == experiment) & (summary["metric"] == metric)]
        shown = rows.merge(wanted.groupby(keys, dropna=False)[["value", "low", "high"]].mean().reset_index(), on=keys)
        place = np.arange(len(shown))[::-1]
        ends = np.maximum([shown["value"] - shown["low"], shown["high"] - shown["value"]], 0)
        axes.barh(place, shown["value"], color=[COLOURS[i % len(COLOURS)] for i in shown["colour"]], height=0.7)
        axes.errorbar(shown["value"], place, xerr=ends, fmt="none", ecolor="black", elinewidth=1, capsize=2)
        axes.set_yticks(place, shown["label"])
        axes.set(title=title, xlim=(0, 1), xlabel=label)
        axes.grid(axis="y", visible=False)
    return figure


@styled
def rescoring(summary: pd.DataFrame) -> Figure:
    """Experiment 2: precision and recall against the threshold, and against each other."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    precision, recall, curve = figure.subplots(1, 3)
    names = {
        "detector": "detector alone",
        "gate": "with the context gate",
        "detector_at_gate_recall": "at the gate's recall",
    }
    for number, (method, name) in enumerate(names.items()):
        rows = summary[summary["method"] == method]
        style = {"color": COLOURS[number], "marker": ".", "linestyle": "--" if number == 2 else "-", "label": name}
        precision.plot(rows["threshold"], rows["precision"], **style)
        precision.fill_between(
            rows["threshold"], rows["precision_low"], rows["precision_high"], color=COLOURS[number], alpha=0.12
        )
        recall.plot(rows["threshold"], rows["recall"], **style)
        if number < 2:
            curve.plot(rows["recall"], rows["precision"], **style)
    precision.set(title="Precision", xlabel="threshold", ylabel="precision over (image, class)")
    recall.set(title="Recall", xlabel="threshold", ylabel="recall")
    curve.set(title="Precision at equal recall", xlabel="recall", ylabel="precision")
    precision.legend()
    curve.legend()
    return figure
