"""Experiment 1: which model notices the classes that were added or removed, by both protocols."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import rows_of, with_interval
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import COLOURS, styled, svg

PUBLISHED_EXPERIMENTS = {
    "inject_20_least_common_label": "inject, “20 least common”",
    "inject_any": "inject, any class",
    "remove": "remove",
    "inject_most_unexpected": "inject, most unexpected",
    "inject_most_anomalous_outright": "inject, largest difference",
    "remove_most": "remove, most missing",
}
CORRECTED_EXPERIMENTS = {
    "inject_uniform": "any absent class",
    "inject_matched": "matched to frequency",
    "inject_rarest": "one of the 20 rarest",
    "remove": "removal",
}
MEASURES = {
    "recall_at_1": "changed class ranked first",
    "recall_at_5": "among the first five",
    "mean_reciprocal_rank": "mean reciprocal rank",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "fpr_at_95_tpr": "false positive rate at 95 % true positive rate",
    "tpr_at_5_fpr": "true positive rate at 5 % false positive rate",
    "tpr": "flagged among changed classes, published threshold",
    "fpr": "flagged among genuine classes, published threshold",
}

Original = dict[str, dict[int, tuple[float, float, float]]]
"""Published mean, standard deviation and trials in per cent, by experiment and bottleneck."""


def variant_label(row: Any) -> str:
    """Return the name of a model, and of its bottleneck where it has one.

    Args:
        row: Has fields model and bottleneck.
    """
    return row.model if pd.isna(row.bottleneck) else f"{row.model} d = {int(row.bottleneck)}"


def published(run: FinishedRun, summary: pd.DataFrame, name: str, original: Original | None) -> dict:
    """Return what the template shows of one model by the published protocol.

    Args:
        run: The finished run.
        summary: `tables.SUMMARY` of the published protocol.
        name: The model.
        original: The published figures, which are shown as well; None leaves them out.
    """
    rows = summary[(summary["model"] == name) & (summary["metric"] == "found")]
    cells = []
    for bottleneck, variants in rows.groupby("bottleneck", dropna=False):
        cell: dict[str, Any] = {"d": "–" if pd.isna(bottleneck) else int(float(str(bottleneck)))}
        for experiment, title in PUBLISHED_EXPERIMENTS.items():
            found = variants[variants["experiment"] == experiment]
            value, std, low, high = (100 * float(found[column].mean()) for column in ("value", "std", "low", "high"))
            text = "–" if np.isnan(value) else f"{value:.1f} ± {std:.1f} [{low:.1f}, {high:.1f}]"
            has_trials = experiment == "remove" and not np.isnan(value)
            cell[title] = f"{text} ({found['trials'].mean():.0f})" if has_trials else text
        cells.append(cell)
    figure = None
    if name in run.sweeps:
        figure = svg(published_boxes(run.draws(name), original), f"experiment 1 of {name}, share found against d")
    return {"name": name, "figure": figure, "table": html_table(pd.DataFrame(cells))}


def corrected(run: FinishedRun, summary: pd.DataFrame) -> dict:
    """Return what the template shows of all models by the corrected protocol.

    Args:
        run: The finished run.
        summary: `tables.SUMMARY` of the corrected protocol.
    """
    variants = summary[["model", "bottleneck"]].drop_duplicates()
    variants["label"] = [variant_label(row) for row in rows_of(variants)]
    # A bar for the bottleneck that stands for a sweep; the tables have every one.
    stands = variants["model"].map(run.chosen_bottlenecks)
    bars = variants[variants["bottleneck"].isna() | (variants["bottleneck"] == stands)]
    recall = corrected_bars(summary, bars, "recall_at_1", "ranked first")
    return {
        "recall": svg(recall, "share of changed classes ranked first, by model"),
        "auroc": svg(corrected_bars(summary, bars, "auroc", "AUROC"), "AUROC of each model"),
        "tables": [
            _corrected_table(summary[summary["experiment"] == experiment], variants, title)
            for experiment, title in CORRECTED_EXPERIMENTS.items()
        ],
    }


def _corrected_table(summary: pd.DataFrame, variants: pd.DataFrame, title: str) -> dict:
    cells = []
    for variant in rows_of(variants):
        bottleneck = summary["bottleneck"]
        same = bottleneck.isna() if pd.isna(variant.bottleneck) else bottleneck == variant.bottleneck
        of_variant = summary[(summary["model"] == variant.model) & same]
        mean = of_variant.groupby("metric")[["value", "low", "high"]].mean()
        figures = {
            label: with_interval(*mean.loc[metric].astype(float))
            for metric, label in MEASURES.items()
            if metric in mean.index
        }
        cells.append({"model": variant.label} | figures)
    return {
        "title": title,
        "trials": int(summary["trials"].max()),
        "prevalence": float(summary.loc[summary["metric"] == "prevalence", "value"].mean()),
        "table": html_table(pd.DataFrame(cells)),
    }


@styled
def published_boxes(draws: pd.DataFrame, original: Original | None) -> Figure:
    """Draw the share found in each draw against d, by the published protocol."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for axes, (experiment, title) in zip(figure.subplots(2, 3).flat, PUBLISHED_EXPERIMENTS.items(), strict=True):
        rows = draws[(draws["experiment"] == experiment) & draws["found"].notna()]
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
        if original and experiment in original:
            figures = original[experiment]
            known = [size for size in sizes if size in figures]
            place, means = [sizes.index(size) for size in known], [figures[size][0] for size in known]
            spread = [2 * figures[size][1] for size in known]
            axes.errorbar(place, means, yerr=spread, fmt="_", color=COLOURS[0], capsize=2, label="published ± 2 std")
            axes.legend()
        axes.set_xticks(range(len(sizes)), [str(int(size)) for size in sizes])
        axes.set(title=title, xlabel="d", ylabel="found, %")
    return figure


@styled
def corrected_bars(summary: pd.DataFrame, rows: pd.DataFrame, metric: str, label: str) -> Figure:
    """Draw one measure of each model, one axis for each experiment of the corrected protocol.

    Args:
        summary: `tables.SUMMARY` of the corrected protocol.
        rows: Columns model, bottleneck and label: the variants to show.
        metric: The measure's name in the summary.
        label: Its name on the axis.
    """
    figure = Figure(figsize=(10, 0.9 + 0.32 * len(rows)), layout="constrained")
    keys = ["model", "bottleneck"]
    panels = figure.subplots(1, len(CORRECTED_EXPERIMENTS), sharey=True).flat
    for axes, (experiment, title) in zip(panels, CORRECTED_EXPERIMENTS.items(), strict=True):
        wanted = summary[(summary["experiment"] == experiment) & (summary["metric"] == metric)]
        mean = wanted.groupby(keys, dropna=False)[["value", "low", "high"]].mean().reset_index()
        measured = rows.merge(mean, on=keys)
        place = np.arange(len(measured))[::-1]
        ends = np.maximum([measured["value"] - measured["low"], measured["high"] - measured["value"]], 0)
        axes.barh(place, measured["value"], color=COLOURS[5], height=0.7)
        axes.errorbar(measured["value"], place, xerr=ends, fmt="none", ecolor="black", elinewidth=1, capsize=2)
        axes.set_yticks(place, measured["label"].tolist())
        axes.set(title=title, xlim=(0, 1), xlabel=label)
        axes.grid(axis="y", visible=False)
    return figure
