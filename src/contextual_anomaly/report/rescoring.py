"""The part of experiment 2 that is beyond the gate: what context adds to a detector."""

import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.figures import styled
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.style import COLOURS, svg

METHODS = {
    "detector": "detector alone",
    "calibrated": "with class frequency",
    "fusion": "fused with context",
    "network": "network over all boxes",
}
MEASURES = {
    "macro_ap": "AP, mean of classes",
    "micro_ap": "AP, all together",
    "aurc": "area under risk (less is better)",
    "ap": "COCO AP",
    "ap50": "COCO AP50",
}


def added_by_context(results: FinishedRun, detector: str) -> dict:
    """Figure and tables of a detector, for the template."""
    judged = results.csv(f"experiments/rescoring/{detector}.metrics.csv")
    curves = {
        name: results.csv(f"experiments/rescoring/{detector}.{name}.csv")
        for name in ("precision_recall", "risk_coverage")
    }
    presence = judged[judged["subject"] == "presence"]
    return {
        "figure": svg(
            _figure(curves, presence), f"what context adds to {detector}: precision, gain at equal recall, risk"
        ),
        "verdicts": [_verdict(row) for row in _compared(judged).itertuples()],
        "measures": [
            {
                "title": _title(subject, int(least), int(rows["images"].iloc[0])),
                "table": shown(_table(rows)),
            }
            for (subject, least), rows in judged[judged["threshold"].isna()].groupby(
                ["subject", "images_with"], sort=False
            )
        ],
        "at_recall": shown(_at_recall(presence)),
    }


def _compared(judged: pd.DataFrame) -> pd.DataFrame:
    """The figures that say in short whether context helps: on all images, of the methods that use it."""
    on_all = judged[(judged["images_with"] == 0) & judged["threshold"].isna()]
    return on_all[on_all["method"].isin(["fusion", "network"]) & on_all["measure"].isin(["macro_ap", "micro_ap", "ap"])]


def _verdict(row) -> str:
    if row.gain_low > 0:
        word = "helps"
    elif row.gain_high < 0:
        word = "harms"
    else:
        word = "makes no sure difference"
    what = "classes of images" if row.subject == "presence" else "boxes"
    return (
        f"{what}, {MEASURES[row.measure]}: {METHODS[row.method]} {word}, "
        f"{row.gain:+.4f} [{row.gain_low:+.4f}, {row.gain_high:+.4f}]"
    )


def _title(subject: str, least: int, images: int) -> str:
    if subject == "boxes":
        return f"Boxes, {images:,} images"
    return f"Classes of images, {images:,} images" + (f" with {least} or more annotated classes" if least else "")


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    cells = []
    for method in dict.fromkeys(rows["method"]):
        cell = {"": METHODS[method]}
        for row in rows[rows["method"] == method].itertuples():
            cell[MEASURES[row.measure]] = with_interval(row.value, row.low, row.high)
            cell[f"gain in {MEASURES[row.measure]}"] = _gain(row)
        cells.append(cell)
    return pd.DataFrame(cells)


def _gain(row) -> str:
    return "–" if pd.isna(row.gain) else f"{row.gain:+.4f} [{row.gain_low:+.4f}, {row.gain_high:+.4f}]"


def _at_recall(presence: pd.DataFrame) -> pd.DataFrame:
    rows = presence[(presence["measure"] == "precision") & (presence["images_with"] == 0)]
    return pd.DataFrame(
        [
            {
                "the detector's threshold": f"{threshold:g}",
                **{
                    METHODS[row.method]: with_interval(row.value, row.low, row.high)
                    + ("" if pd.isna(row.gain) else f", gain {_gain(row)}")
                    for row in of.itertuples()
                },
            }
            for threshold, of in rows.groupby("threshold")
        ]
    )


@styled
def _figure(curves: dict[str, pd.DataFrame], presence: pd.DataFrame) -> Figure:
    """Precision against recall, the gain in precision at the detector's own recall, and risk against coverage."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    precision, gain, risk = figure.subplots(1, 3)
    for number, method in enumerate(dict.fromkeys(curves["precision_recall"]["method"])):
        style = {"color": COLOURS[number], "label": METHODS[method]}
        for axes, curve, (x, y) in (
            (precision, curves["precision_recall"], ("recall", "precision")),
            (risk, curves["risk_coverage"], ("coverage", "risk")),
        ):
            rows = curve[curve["method"] == method]
            axes.plot(rows[x], rows[y], **style)
        at = presence[
            (presence["method"] == method)
            & (presence["measure"] == "precision")
            & (presence["images_with"] == 0)
            & presence["gain"].notna()
        ]
        if len(at):
            gain.plot(at["threshold"], at["gain"], marker=".", **style)
            gain.fill_between(at["threshold"], at["gain_low"], at["gain_high"], color=COLOURS[number], alpha=0.12)
    gain.axhline(0, color="black", linewidth=0.6)
    precision.set(title="Precision against recall", xlabel="recall", ylabel="precision over (image, class)")
    gain.set(title="Gain at the detector's own recall", xlabel="the detector's threshold", ylabel="gain in precision")
    risk.set(title="Risk against coverage", xlabel="share of claims that is trusted", ylabel="wrong among them")
    precision.legend()
    return figure
