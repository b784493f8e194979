"""Images that are out of context by nature: which model finds them."""

import pandas as pd

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import rows_of, with_interval
from contextual_anomaly.report.html_tables import html_table

MEAN = "(mean)"


def chapter(run: FinishedRun) -> dict:
    """Return what the template shows: a table of models, and one of classes for the model that lists anomalies first."""
    results = pd.concat([run.csv(f"experiments/out_of_context/{name}.csv") for name in run.families], ignore_index=True)
    results["figure"] = [with_interval(row.value, row.low, row.high) for row in rows_of(results)]
    results["heading"] = results["criterion"] + ", " + results["question"]
    mean = results[results["class"] == MEAN]
    order = mean.groupby("model")["value"].mean().sort_values(ascending=False, kind="stable").index
    table = mean.pivot_table("figure", "model", "heading", aggfunc="first").loc[order]
    best = str(order[0])
    classes = results[(results["model"] == best) & (results["class"] != MEAN)]
    by_class = classes.pivot_table("figure", "class", "heading", aggfunc="first")
    counts = mean[mean["model"] == best].groupby("question")[["hard", "others"]].max()
    return {
        "table": html_table(table.reset_index()),
        "best": best,
        "by_class": html_table(by_class.reset_index()),
        "classes": int(classes["class"].nunique()),
        "counts": {str(question): (int(row.hard), int(row.others)) for question, row in counts.iterrows()},
    }
