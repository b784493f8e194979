"""The published figures beside ours, with the difference in published standard deviations. Only for COCO."""

import numpy as np
import pandas as pd

from contextual_anomaly.report.figures import PARTS
from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1, EXPERIMENT_2, MOST

INTERVAL = 2 * 1.959964
"""Standard deviations that a 95 % interval is wide."""


def beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Experiment 1 of the three published columns, for each bottleneck that was published and run here.

    Args:
        summary: `tables.SUMMARY` of the published protocol.
        model: the sweep that was trained by the published objective.

    Returns:
        columns part, d, published, published_std (over draws, of one autoencoder), published_trials, ours (mean over
        weight seeds), ours_std, ours_low, ours_high (their range), trials, difference (in published standard
        deviations), of_both (in those of both together: the published autoencoder is one weight seed). All in per cent.
    """
    ours = summary[(summary["model"] == model) & (summary["metric"] == "found")]
    rows = []
    for part, figures in EXPERIMENT_1.items():
        for d, (mean, std, trials) in figures.items():
            found = ours[(ours["experiment"] == part) & (ours["bottleneck"] == d)]
            if found.empty:
                continue
            value = 100 * found["value"]
            difference = (value.mean() - mean) / std
            of_both = (value.mean() - mean) / np.hypot(std, value.std())
            seeds = (value.mean(), value.std(), value.min(), value.max(), found["trials"].mean(), difference, of_both)
            rows.append((PARTS[part], d, mean, std, trials, *seeds))
    columns = (
        "part d published published_std published_trials ours ours_std ours_low ours_high trials difference of_both"
    )
    return pd.DataFrame(rows, columns=columns.split())


def most_beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Inject-most and remove-most at d = 10, in per cent.

    No spread was published, so that the difference is in standard deviations of ours, over weight seeds and draws
    together: the published figure is of one of each.

    Returns:
        columns part, published, ours, ours_low, ours_high, ours_std, draws_std, difference.
    """
    ours = summary[(summary["model"] == model) & (summary["bottleneck"] == 10) & (summary["metric"] == "found")]
    rows = []
    for part, published in MOST.items():
        value, draws = 100 * ours.loc[ours["experiment"] == part, ["value", "std"]].to_numpy().T
        if len(value):
            seeds_std = value.std(ddof=1) if len(value) > 1 else np.nan
            difference = (value.mean() - published) / np.hypot(seeds_std, draws.mean())
            spread = (value.min(), value.max(), seeds_std, draws.mean(), difference)
            rows.append((PARTS[part], published, value.mean(), *spread))
    columns = "part published ours ours_low ours_high ours_std draws_std difference"
    return pd.DataFrame(rows, columns=columns.split())


def shape_of_rescoring(summary: pd.DataFrame) -> pd.DataFrame:
    """Experiment 2: by how much the gate raises precision, as published and here.

    Args:
        summary: columns threshold, method, precision, precision_gain_same_threshold with _low and _high, of one detector.

    Returns:
        threshold; published_alone, published_gate, published_gain, alone, gate, precision_gain_same_threshold with _low and _high: precision;
        difference of the rises, in standard deviations of ours over images.
    """
    methods = {method: rows.set_index("threshold") for method, rows in summary.groupby("method")}
    rows = []
    for t, (alone, gate) in EXPERIMENT_2.items():
        if t in methods["gate"].index:
            ours = methods["gate"].loc[t]
            precision = methods["detector"].loc[t, "precision"], ours["precision"]
            rise = (
                ours["precision_gain_same_threshold"],
                ours["precision_gain_same_threshold_low"],
                ours["precision_gain_same_threshold_high"],
            )
            rows.append((t, alone, gate, gate - alone, *precision, *rise))
    columns = "threshold published_alone published_gate published_gain alone gate precision_gain_same_threshold precision_gain_same_threshold_low precision_gain_same_threshold_high"
    table = pd.DataFrame(rows, columns=columns.split())
    std = (table["precision_gain_same_threshold_high"] - table["precision_gain_same_threshold_low"]) / INTERVAL
    return table.assign(
        difference=(table["precision_gain_same_threshold"] - table["published_gain"]) / std.where(std > 0)
    )
