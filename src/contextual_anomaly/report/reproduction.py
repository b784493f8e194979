"""The published figures beside ours, with the difference in published standard deviations. Only for COCO."""

import pandas as pd

from contextual_anomaly.report.figures import PARTS
from contextual_anomaly.report.published_figures import EXPERIMENT_1, MOST


def beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Experiment 1 of the three published columns, for each bottleneck that was published and run here.

    Args:
        summary: `tables.SUMMARY` of the published protocol.
        model: the sweep that was trained by the published recipe.

    Returns:
        columns part, d, published, published_std, published_trials, ours (mean over weight seeds), ours_low, ours_high
        (their range), trials, difference (in published standard deviations). All in per cent.
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
            seeds = (value.mean(), value.min(), value.max(), found["trials"].mean(), difference)
            rows.append((PARTS[part], d, mean, std, trials, *seeds))
    columns = "part d published published_std published_trials ours ours_low ours_high trials difference"
    return pd.DataFrame(rows, columns=columns.split())


def most_beside_published(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Inject-most and remove-most at d = 10: columns part, published, ours, ours_low, ours_high, in per cent."""
    ours = summary[(summary["model"] == model) & (summary["bottleneck"] == 10) & (summary["metric"] == "found")]
    rows = []
    for part, published in MOST.items():
        value = 100 * ours.loc[ours["experiment"] == part, "value"]
        if len(value):
            rows.append((PARTS[part], published, value.mean(), value.min(), value.max()))
    return pd.DataFrame(rows, columns=["part", "published", "ours", "ours_low", "ours_high"])
