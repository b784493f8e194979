"""Training: losses of each autoencoder sweep."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import COLOURS, styled, svg


def chapter(run: FinishedRun, name: str) -> dict:
    """Return what the template shows of one sweep."""
    history = run.history(name)
    table = last_epoch(history).groupby("bottleneck")[["loss", "val_loss"]].agg(["mean", "std"]).fillna(0).reset_index()
    table.columns = ["d", "training loss", "std over seeds", "validation loss", "std over seeds "]
    return {
        "name": name,
        "epochs": int(history["epoch"].max()),
        "seeds": history["seed"].nunique(),
        "figure": svg(losses(history), f"loss curves of {name}, final loss against d, and its fall from d to d + 1"),
        "table": html_table(table, dict.fromkeys(table.columns[1:], ".4f")),
    }


def last_epoch(history: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last epoch."""
    return history[history["epoch"] == history["epoch"].max()]


@styled
def losses(history: pd.DataFrame) -> Figure:
    """Draw the original's three plots for model selection: loss curves, final loss against d, its fall from d to d + 1."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    curves, against, difference = figure.subplots(1, 3)
    mean = history.groupby(["bottleneck", "epoch"])[["loss", "val_loss"]].mean()
    sizes = sorted(history["bottleneck"].unique())
    colour = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(sizes)))
    for size, shade in zip(sizes, colour, strict=True):
        of_size = mean.xs(size, level="bottleneck")
        curves.plot(of_size.index, of_size["val_loss"], color=shade, linewidth=1, label=f"d = {size}")
        curves.plot(of_size.index, of_size["loss"], color=shade, linewidth=0.6, linestyle=":")
    curves.set_ylim(0.97 * mean.to_numpy().min(), np.quantile(mean["val_loss"], 0.995))
    curves.set(xlabel="epoch", ylabel="loss (dotted: training)", title="Loss while training")
    curves.legend(ncols=2 if len(sizes) > 6 else 1, fontsize=5.5, labelspacing=0.2)

    last = last_epoch(history)
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
    difference.set(ylabel="fall of validation loss per unit", title="What one more unit brings")
    return figure
