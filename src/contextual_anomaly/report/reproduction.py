"""The published figures beside ours, with the difference in published standard deviations. Only for COCO."""

import numpy as np
import pandas as pd

from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.report.figures import PARTS
from contextual_anomaly.report.published_anomalies import MISSING, UNEXPECTED
from contextual_anomaly.report.published_figures import EXPERIMENT_1, EXPERIMENT_2, MOST
from contextual_anomaly.scenes import Scenes

MISSING_ABOVE, UNEXPECTED_BELOW = 0.85, 0.01
"""The thresholds of the published list, whatever those of the run."""


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
    """Inject-most and remove-most at d = 10, in per cent.

    No spread was published, so that the difference is in standard deviations of ours over weight seeds.

    Returns:
        columns part, published, ours, ours_low, ours_high, ours_std, difference.
    """
    ours = summary[(summary["model"] == model) & (summary["bottleneck"] == 10) & (summary["metric"] == "found")]
    rows = []
    for part, published in MOST.items():
        value = 100 * ours.loc[ours["experiment"] == part, "value"]
        if len(value):
            difference = (value.mean() - published) / value.std()
            rows.append((PARTS[part], published, value.mean(), value.min(), value.max(), value.std(), difference))
    columns = "part published ours ours_low ours_high ours_std difference"
    return pd.DataFrame(rows, columns=columns.split())


def anomalies_beside_published(model: ContextModel, scenes: Scenes, bottleneck: int) -> pd.DataFrame:
    """The published flags as our autoencoders of that size see them.

    Args:
        model: a sweep of several weight seeds.
        scenes: the validation scenes.

    Returns:
        one published flag a row: image_id, kind, category, flagged_by (how many of our weight seeds flag it too), seeds,
        expected (median over seeds), by how little our expectation misses the threshold.
    """
    members = [index for index, member in enumerate(model.members) if member.bottleneck == bottleneck]
    row_of = pd.Series(range(len(scenes.image_ids)), index=scenes.image_ids)
    column_of = pd.Series(range(len(scenes.classes)), index=scenes.classes)
    flags = pd.DataFrame(
        [
            (image, kind, category)
            for kind, lists in (("unexpected", UNEXPECTED), ("missing", MISSING))
            for category, images in lists.items()
            for image in images
        ],
        columns=["image_id", "kind", "category"],
    )
    known = flags["image_id"].isin(row_of.index) & flags["category"].isin(column_of.index)
    flags = flags[known].reset_index(drop=True)
    rows = row_of[flags["image_id"]].to_numpy()
    expected = model.expected(scenes.presence[rows])[members][
        :, np.arange(len(flags)), column_of[flags["category"]].to_numpy()
    ]
    odd = np.where(flags["kind"] == "unexpected", expected < UNEXPECTED_BELOW, expected > MISSING_ABOVE)
    return flags.assign(flagged_by=odd.sum(0), seeds=len(members), expected=np.median(expected, axis=0))


def shape_of_rescoring(summary: pd.DataFrame) -> pd.DataFrame:
    """Experiment 2: by how much the gate raises precision, as published and here.

    Args:
        summary: columns threshold, arm, precision, of one detector.

    Returns:
        threshold; published_alone, published_gate, published_rise, alone, gate, rise: precision.
    """
    precision = summary.pivot_table(index="threshold", columns="arm", values="precision")
    rows = [
        (t, alone, gate, gate - alone, ours["detector"], ours["gate"], ours["gate"] - ours["detector"])
        for t, (alone, gate) in EXPERIMENT_2.items()
        if t in precision.index
        for ours in [precision.loc[t]]
    ]
    columns = "threshold published_alone published_gate published_rise alone gate rise"
    return pd.DataFrame(rows, columns=columns.split())
