"""What context adds to a detector: calibrated fusion, and boxes rescored in steps."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import intervals, rows_of, with_interval
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import COLOURS, styled, svg

METHODS = {
    "detector": "detector alone",
    "calibrated": "with class frequency",
    "fusion": "fused with context",
    "own": "boxes by themselves",
    "duplicates": "and their duplicates",
    "context": "and their context",
    "alternatives": "and under other classes",
}
PARTS = {"unseen": "Images that it was not trained on", "seen": "Images that it was trained on"}
PUBLISHED = pd.DataFrame(
    [
        ("RetinaNet-50", 35.6, 36.6),
        ("RetinaNet-101", 38.1, 38.7),
        ("Faster R-CNN-50", 36.4, 37.5),
        ("Faster R-CNN-101", 39.4, 39.9),
        ("Cascade R-CNN-50", 41.1, 41.8),
        ("Cascade R-CNN-101", 42.1, 42.8),
    ],
    columns=pd.Index(["detector", "COCO AP", "rescored"]),
)
"""Pato et al., Seeing without Looking (CVPR 2020): boxes rescored by context on val2017, in per cent."""

MEASURES = {
    "macro_ap": "AP, mean of classes",
    "micro_ap": "AP, all together",
    "aurc": "area under risk (less is better)",
    "ap": "COCO AP",
    "ap50": "COCO AP50",
}


def section(run: FinishedRun, detector: str) -> dict:
    """Return what the template shows of one detector."""
    metrics = run.csv(f"experiments/rescoring/{detector}.metrics.csv")
    precision_recall = run.csv(f"experiments/rescoring/{detector}.precision_recall.csv")
    risk_coverage = run.csv(f"experiments/rescoring/{detector}.risk_coverage.csv")
    presence = metrics[metrics["subject"] == "presence"]
    parts = metrics[metrics["threshold"].isna()].groupby(["subject", "images_with"], sort=False)
    return {
        "figure": svg(
            _figure(precision_recall, risk_coverage, presence),
            f"what context adds to {detector}: precision, gain at equal recall, risk",
        ),
        "in_short": [_in_short(row) for row in rows_of(_compared(metrics))],
        "measures": [{"title": _title(rows), "table": html_table(_table(rows))} for _, rows in parts],
        "at_recall": html_table(_at_recall(presence)),
        "by_part": _by_part(run, detector),
        "published": html_table(PUBLISHED),
    }


def _by_part(run: FinishedRun, detector: str) -> list[dict]:
    """Return tables of unseen and of seen images, where it is known which these are."""
    metrics = run.optional_csv(f"experiments/rescoring/{detector}.metrics_by_part.csv")
    if metrics is None:
        return []
    overall = metrics[metrics["threshold"].isna() & (metrics["images_with"] == 0)]
    tables = [
        {"title": f"{PARTS[str(part)]}: {_title(rows)}", "table": html_table(_table(rows))}
        for (part, _), rows in overall.groupby(["part", "subject"], sort=False)
    ]
    gate = run.optional_csv(f"experiments/rescoring/{detector}.summary_by_part.csv")
    if gate is not None and len(gate):
        tables.append({"title": "The gate's gain in precision at equal recall", "table": html_table(_gate(gate))})
    return tables


def _gate(summary: pd.DataFrame) -> pd.DataFrame:
    gain = "precision_gain_same_recall"
    rows = summary[summary["method"] == "gate"].copy()
    rows["cell"] = intervals(rows, gain, f"{gain}_low", f"{gain}_high")
    return (
        rows.pivot_table(index="threshold", columns="part", values="cell", aggfunc="first")
        .rename(columns=PARTS)
        .reset_index()
    )


def _compared(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the figures that answer whether context helps: on all images, of the methods that use it."""
    on_all = metrics[(metrics["images_with"] == 0) & metrics["threshold"].isna()]
    return on_all[
        on_all["method"].isin(["fusion", "context", "alternatives"])
        & on_all["measure"].isin(["macro_ap", "micro_ap", "ap"])
    ]


def _in_short(row: Any) -> str:
    if row.gain_low > 0:
        verb = "helps"
    elif row.gain_high < 0:
        verb = "harms"
    else:
        verb = "makes no significant difference"
    subject = "Classes of images" if row.subject == "presence" else "Boxes"
    return f"{subject}, {MEASURES[row.measure]}: {METHODS[row.method]} {verb}, {_signed(row)}"


def _signed(row: Any) -> str:
    return f"{row.gain:+.4f} [{row.gain_low:+.4f}, {row.gain_high:+.4f}]"


def _title(rows: pd.DataFrame) -> str:
    """Return the title of a table from its rows, which are of one subject and one choice of images."""
    first = next(rows_of(rows))
    if first.subject == "boxes":
        return f"Boxes, {first.images:,} images"
    least = f" with {first.images_with} or more annotated classes" if first.images_with else ""
    return f"Classes of images, {first.images:,} images{least}"


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    cells = []
    for method in dict.fromkeys(rows["method"]):
        cell = {"": METHODS[method]}
        for row in rows_of(rows[rows["method"] == method]):
            cell[MEASURES[row.measure]] = with_interval(row.value, row.low, row.high)
            cell[f"gain in {MEASURES[row.measure]}"] = "–" if pd.isna(row.gain) else _signed(row)
        cells.append(cell)
    return pd.DataFrame(cells)


def _at_recall(presence: pd.DataFrame) -> pd.DataFrame:
    rows = presence[(presence["measure"] == "precision") & (presence["images_with"] == 0)]
    cells = []
    for threshold, of_threshold in rows.groupby("threshold"):
        cell = {"threshold of the detector": f"{threshold:g}"}
        for row in rows_of(of_threshold):
            gain = "" if pd.isna(row.gain) else f", gain {_signed(row)}"
            cell[METHODS[row.method]] = with_interval(row.value, row.low, row.high) + gain
        cells.append(cell)
    return pd.DataFrame(cells)


@styled
def _figure(precision_recall: pd.DataFrame, risk_coverage: pd.DataFrame, presence: pd.DataFrame) -> Figure:
    """Draw precision against recall, the gain in precision at the detector's own recall, and risk against coverage."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    precision, gain, risk = figure.subplots(1, 3)
    for number, method in enumerate(dict.fromkeys(precision_recall["method"])):
        colour, label = COLOURS[number], METHODS[method]
        rows = precision_recall[precision_recall["method"] == method]
        precision.plot(rows["recall"], rows["precision"], color=colour, label=label)
        rows = risk_coverage[risk_coverage["method"] == method]
        risk.plot(rows["coverage"], rows["risk"], color=colour, label=label)
        at = presence[
            (presence["method"] == method)
            & (presence["measure"] == "precision")
            & (presence["images_with"] == 0)
            & presence["gain"].notna()
        ]
        if len(at):
            gain.plot(at["threshold"], at["gain"], marker=".", color=colour, label=label)
            gain.fill_between(at["threshold"], at["gain_low"], at["gain_high"], color=colour, alpha=0.12)
    gain.axhline(0, color="black", linewidth=0.6)
    precision.set(title="Precision against recall", xlabel="recall", ylabel="precision over (image, class)")
    gain.set(title="Gain at the detector's own recall", xlabel="threshold of the detector", ylabel="gain in precision")
    risk.set(
        title="Risk against coverage", xlabel="share of claims that is trusted", ylabel="share of these that is wrong"
    )
    precision.legend()
    return figure
