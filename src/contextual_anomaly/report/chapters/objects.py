"""Objects: does a model tell objects under a wrong label, or with a wrong box, from the genuine ones?"""

import pandas as pd

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import groups_of, with_interval
from contextual_anomaly.report.html_tables import html_table

CHANGES = {
    "label_by_frequency": "label of a random object",
    "label_uniform": "any other label",
    "label_in_supercategory": "another label of the supercategory",
    "box_moved": "box moved beyond the habit of its class",
    "box_resized": "box resized beyond the habit of its class",
}
MEASURES = {"auroc": "AUROC", "average_precision": "average precision", "precision_at_k": "precision at k"}
SCORES = {
    "": "likelihood against frequency",
    "surprise_": "likelihood alone",
    "habit_": "habit of the class alone",
}
BY_BOX = {"": "class, box and company"}
"""What else the first score of a box is."""


def chapter(run: FinishedRun) -> dict | None:
    """Return what the template shows of single objects, None where no model was asked about them."""
    summary = run.summary("objects")
    if summary.empty:
        return None
    return {
        "classes": html_table(_of_classes(summary)),
        "changes": html_table(_of_changes(summary)),
        "trials": int(summary["trials"].max()),
        "images": int(summary["images"].max()),
    }


def _of_classes(summary: pd.DataFrame) -> pd.DataFrame:
    """Return, for each model, how surprising the genuine objects are."""
    cells = []
    for (model,), rows in groups_of(summary[summary["experiment"] == "objects"], ["model"]):
        cells.append(
            {
                "model": model,
                "right class ranked first": _cell(rows, "accuracy"),
                "mean surprise, nats": _cell(rows, "nats"),
            }
        )
    return pd.DataFrame(cells)


def _of_changes(summary: pd.DataFrame) -> pd.DataFrame:
    """Return, for each change, model and score, how well the changed objects are told from the others."""
    cells = []
    for change, title in CHANGES.items():
        of_change = summary[summary["experiment"] == change]
        for (model,), rows in groups_of(of_change, ["model"]):
            measured = set(rows["metric"])
            for prefix, score in SCORES.items():
                if f"{prefix}auroc" not in measured:
                    continue
                name = BY_BOX.get(prefix, score) if change.startswith("box_") else score
                figures = {label: _cell(rows, f"{prefix}{metric}") for metric, label in MEASURES.items()}
                cells.append({"changed": title, "model": model, "ranked by": name} | figures)
    return pd.DataFrame(cells)


def _cell(rows: pd.DataFrame, metric: str) -> str:
    """Return a figure with its interval, the mean over the variants of a model."""
    of_metric = rows.loc[rows["metric"] == metric, ["value", "low", "high"]]
    return with_interval(*of_metric.to_numpy(dtype=float).mean(0))
