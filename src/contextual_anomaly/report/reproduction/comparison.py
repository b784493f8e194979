"""The published figures beside ours, with the difference in standard deviations, as tables and plots. Only for COCO."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.chapters.experiment_1 import PUBLISHED_EXPERIMENTS
from contextual_anomaly.report.frames import rows_of
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1, EXPERIMENT_2, MOST
from contextual_anomaly.report.style import COLOURS, PUBLISHED_COLOUR, styled

INTERVAL = 2 * 1.959964
"""Width of a 95 % interval in standard deviations."""
GAIN = "precision_gain_same_threshold"


def beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the three published experiments, for each bottleneck that was published and run here.

    Args:
        summary: `tables.SUMMARY` of the published protocol.
        model: The sweep that was trained by the published objective.

    Returns:
        Columns experiment, d, published, published_std (over draws, of one autoencoder), published_trials, ours (mean over
        weight seeds), ours_std, ours_low, ours_high (their range), trials, difference (in published standard
        deviations), of_both (in those of both together, as the published autoencoder is one weight seed). In per cent.
    """
    ours = summary[(summary["model"] == model) & (summary["metric"] == "found")]
    rows = []
    for experiment, figures in EXPERIMENT_1.items():
        for d, (mean, std, trials) in figures.items():
            found = ours[(ours["experiment"] == experiment) & (ours["bottleneck"] == d)]
            if found.empty:
                continue
            value = 100 * found["value"]
            difference = (value.mean() - mean) / std
            of_both = (value.mean() - mean) / np.hypot(std, value.std())
            seeds = (value.mean(), value.std(), value.min(), value.max(), found["trials"].mean(), difference, of_both)
            rows.append((PUBLISHED_EXPERIMENTS[experiment], d, mean, std, trials, *seeds))
    columns = "experiment d published published_std published_trials ours ours_std ours_low ours_high trials difference of_both"
    return pd.DataFrame(rows, columns=columns.split())


def most_beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return inject-most and remove-most at d = 10, in per cent.

    No spread was published. The difference is in standard deviations of ours over weight seeds and draws together, as the
    published figure is of one seed and one draw.

    Args:
        summary: `tables.SUMMARY` of the published protocol.
        model: The sweep that was trained by the published objective.

    Returns:
        Columns experiment, published, ours, ours_low, ours_high, ours_std, draws_std, difference.
    """
    ours = summary[(summary["model"] == model) & (summary["bottleneck"] == 10) & (summary["metric"] == "found")]
    rows = []
    for experiment, published in MOST.items():
        value, draws = 100 * ours.loc[ours["experiment"] == experiment, ["value", "std"]].to_numpy(dtype=float).T
        if len(value):
            seeds_std = value.std(ddof=1) if len(value) > 1 else np.nan
            difference = (value.mean() - published) / np.hypot(seeds_std, draws.mean())
            spread = (value.min(), value.max(), seeds_std, draws.mean(), difference)
            rows.append((PUBLISHED_EXPERIMENTS[experiment], published, value.mean(), *spread))
    columns = "experiment published ours ours_low ours_high ours_std draws_std difference"
    return pd.DataFrame(rows, columns=columns.split())


def shape_of_rescoring(summary: pd.DataFrame) -> pd.DataFrame:
    """Return by how much the gate of experiment 2 raises precision, as published and here.

    Args:
        summary: Columns threshold, method, precision, and precision_gain_same_threshold with its _low and _high, of one
            detector.

    Returns:
        Columns threshold; published_alone, published_gate, published_gain, alone, gate: precision; the gain here,
        precision_gain_same_threshold, with its _low and _high; and the difference of the gains in standard deviations of
        ours over images.
    """
    gains = [GAIN, f"{GAIN}_low", f"{GAIN}_high"]
    detector = summary[summary["method"] == "detector"].set_index("threshold")["precision"]
    gate = summary[summary["method"] == "gate"]
    rows = []
    for ours in rows_of(gate[["threshold", "precision", *gains]]):
        if ours.threshold in EXPERIMENT_2:
            alone, with_gate = EXPERIMENT_2[ours.threshold]
            rows.append((ours.threshold, alone, with_gate, with_gate - alone, detector[ours.threshold], *ours[1:]))
    columns = ["threshold", "published_alone", "published_gate", "published_gain", "alone", "gate", *gains]
    table = pd.DataFrame(rows, columns=columns, dtype=float)
    std = (table[f"{GAIN}_high"] - table[f"{GAIN}_low"]) / INTERVAL
    return table.assign(difference=(table[GAIN] - table["published_gain"]) / std.where(std > 0))


@styled
def plot_beside_published(table: pd.DataFrame) -> Figure:
    """Draw experiment 1: the published mean ± 2 standard deviations, and ours with the range of the weight seeds.

    Args:
        table: As `beside_published` returns it.
    """
    experiments = list(table.groupby("experiment", sort=False))
    figure = Figure(figsize=(10, 3), layout="constrained")
    panels = list(figure.subplots(1, len(experiments), squeeze=False).flat)
    for axes, (experiment, rows) in zip(panels, experiments, strict=True):
        low, high = (rows["published"] + sign * 2 * rows["published_std"] for sign in (-1, 1))
        axes.fill_between(rows["d"], low, high, color=PUBLISHED_COLOUR, alpha=0.25, label="published ± 2 std")
        axes.plot(rows["d"], rows["published"], color=PUBLISHED_COLOUR)
        ends = [rows["ours"] - rows["ours_low"], rows["ours_high"] - rows["ours"]]
        axes.errorbar(
            rows["d"], rows["ours"], yerr=ends, fmt="o", markersize=3, capsize=2, label="ours, range of seeds"
        )
        axes.set(title=experiment, xlabel="d", ylabel="found, %", ylim=(0, 100))
    panels[-1].legend(loc="upper right")
    return figure


@styled
def plot_shape_of_rescoring(table: pd.DataFrame, detector: str) -> Figure:
    """Draw experiment 2: precision against threshold, as published and here, on the same scale.

    Args:
        table: As `shape_of_rescoring` returns it.
        detector: Name of our detector.
    """
    figure = Figure(figsize=(10, 3), layout="constrained")
    theirs, ours, gain = figure.subplots(1, 3)
    for axes, alone, gate, title in (
        (theirs, "published_alone", "published_gate", "As published: YOLOv3"),
        (ours, "alone", "gate", f"Here: {detector}"),
    ):
        axes.plot(table["threshold"], table[alone], marker=".", color=PUBLISHED_COLOUR, label="detector alone")
        axes.plot(table["threshold"], table[gate], marker=".", color=COLOURS[1], label="with the autoencoder's gate")
        axes.set(title=title, xlabel="threshold", ylabel="precision", ylim=(0.5, 1.02))
    theirs.legend(loc="lower right")
    gain.plot(table["threshold"], table["published_gain"], marker=".", color=PUBLISHED_COLOUR, label="published")
    gain.plot(table["threshold"], table[GAIN], marker=".", color=COLOURS[0], label="here")
    gain.set(title="Gain in precision by the gate", xlabel="threshold", ylabel="gain in precision")
    gain.legend()
    return figure
