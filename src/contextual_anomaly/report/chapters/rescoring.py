"""Experiment 2: a detector alone and with the published context gate."""

import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.chapters import context_gain
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import intervals
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import COLOURS, styled, svg

METHODS = {
    "detector": "detector alone",
    "gate": "with the context gate",
    "detector_at_gate_recall": "alone, at the gate's recall",
}
COCO_MEASURES = ("AP", "AP50", "AP75", "AR100")
LISTED = 20  # images in the table of supported false positives


def chapter(run: FinishedRun, name: str) -> dict:
    """Return what the template shows of one detector."""
    measures = run.csv(f"experiments/detection/{name}.csv")
    overall = measures[measures["category"].isna()].set_index("metric")["value"]
    of_class = measures[measures["category"].notna()].pivot_table(index="category", columns="metric", values="value")
    summary = run.csv(f"experiments/rescoring/{name}.summary.csv")
    supported = run.csv(f"experiments/rescoring/{name}.context_supported_false_positives.csv")
    supported_images = run.csv(f"experiments/rescoring/{name}.context_supported_false_positive_images.csv")
    images = run.csv(f"detections/{name}/images.csv")["status"].value_counts()
    return {
        "name": name,
        "images": images.to_dict(),
        "problems": html_table(image_problems(run, name)),
        "overall": [(metric, overall[metric]) for metric in COCO_MEASURES if metric in overall],
        "of_class": html_table(
            of_class.reset_index().rename(columns={"category": "class"}), dict.fromkeys(of_class.columns, ".3f")
        ),
        "figure": svg(precision_and_recall(summary), f"experiment 2 of {name}: precision and recall against threshold"),
        "table": html_table(_all_counts(summary), {"F1": ".3f"}),
        "precision_gain_same_recall": html_table(_gain(summary)),
        "context_gain": context_gain.section(run, name),
        "supported": html_table(
            supported.rename(columns={"unannotated": "not annotated", "supported": "supported by context"}),
            {"share": ".3f"},
        ),
        "supported_images": html_table(
            supported_images.head(LISTED).drop(columns="link").rename(columns=lambda name: str(name).replace("_", " ")),
            {"score": ".2f", "probability": ".2f"},
        ),
    }


def image_problems(run: FinishedRun, detector: str) -> pd.DataFrame:
    """Return file_name and problem of images that could not be read, or are not as the annotations say."""
    report = run.csv(f"detections/{detector}/images.csv")
    return report.loc[report["problem"].notna(), ["file_name", "problem"]]


def _all_counts(summary: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "threshold": summary["threshold"],
            "method": summary["method"].map(METHODS),
            "precision": intervals(summary, "precision", "precision_low", "precision_high"),
            "recall": intervals(summary, "recall", "recall_low", "recall_high"),
            **{column.upper(): summary[column] for column in ("f1", "tp", "fp", "fn", "tn")},
        }
    )


def _gain(summary: pd.DataFrame) -> pd.DataFrame:
    gate = summary[summary["method"] == "gate"]
    gain = "precision_gain_same_recall"
    return pd.DataFrame(
        {
            "threshold": gate["threshold"],
            "precision of the gate minus that of the detector at the same recall": intervals(
                gate, gain, f"{gain}_low", f"{gain}_high"
            ),
        }
    )


@styled
def precision_and_recall(summary: pd.DataFrame) -> Figure:
    """Draw precision and recall against the threshold, and against each other."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    precision, recall, curve = figure.subplots(1, 3)
    for number, (method, name) in enumerate(METHODS.items()):
        rows = summary[summary["method"] == method]
        colour, line = COLOURS[number], "--" if method == "detector_at_gate_recall" else "-"
        threshold = rows["threshold"]
        precision.plot(threshold, rows["precision"], color=colour, marker=".", linestyle=line, label=name)
        precision.fill_between(threshold, rows["precision_low"], rows["precision_high"], color=colour, alpha=0.12)
        recall.plot(threshold, rows["recall"], color=colour, marker=".", linestyle=line, label=name)
        if method != "detector_at_gate_recall":
            curve.plot(rows["recall"], rows["precision"], color=colour, marker=".", label=name)
    precision.set(title="Precision", xlabel="threshold", ylabel="precision over (image, class)")
    recall.set(title="Recall", xlabel="threshold", ylabel="recall")
    curve.set(title="Precision against recall", xlabel="recall", ylabel="precision")
    precision.legend()
    curve.legend()
    return figure
