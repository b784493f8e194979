"""Data: what was read, what was left out and why, and how often each class occurs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.finished_run import SPLITS, FinishedRun
from contextual_anomaly.report.html_tables import Table, html_table
from contextual_anomaly.report.style import COLOURS, plain_powers_of_ten, styled, svg


def chapter(run: FinishedRun) -> dict:
    """Return what the template shows."""
    counts = run.csv("scenes/class_counts.csv")
    commonest = counts[counts["split"] == "train"].sort_values("images", ascending=False, kind="stable")
    columns = ["name", "supercategory", "images", "instances", "scenes"]
    names = {"name": "class", "instances": "objects"}
    fetched, missing = run.missing_images()
    summary = run.optional_csv("data_summary.csv")
    return {
        "fetched": fetched,
        "missing": missing,
        "summary": None
        if summary is None or summary.empty
        else html_table(_by_item(summary), dict.fromkeys(SPLITS, ",")),
        "problems": _problems(run),
        "left_out": _left_out(counts),
        "one_split_only": _one_split_only(counts),
        "figure": svg(class_counts(counts), "images that hold each class, the commonest class first"),
        "table": html_table(
            commonest[columns].rename(columns=names), dict.fromkeys(("images", "objects", "scenes"), ",")
        ),
    }


def _problems(run: FinishedRun) -> dict | None:
    """Return the kinds of records that were not read as they stand, each with its number and what was done about it.

    The files have columns split, kind, count, first_record, found and action.
    """
    parts = [run.optional_csv(f"annotations/{split}.problems.csv") for split in SPLITS]
    parts = [part for part in parts if part is not None and not part.empty]
    if not parts:
        return None
    problems = pd.concat(parts, ignore_index=True)
    return {"count": int(problems["count"].sum()), "table": _readable(problems)}


def _by_item(summary: pd.DataFrame) -> pd.DataFrame:
    """Return one item a row with its number in each split; what no split has is left out.

    Args:
        summary: Columns split, item, count and example.
    """
    counts = summary.pivot_table(index="item", columns="split", values="count", aggfunc="sum", sort=False)
    counts = counts.reindex(columns=list(SPLITS)).fillna(0).astype(int)
    counts = counts[(counts > 0).any(axis=1)]
    found = summary[(summary["count"] > 0) & summary["example"].notna()]
    examples = found.groupby("item", sort=False)["example"].first()
    table = counts.assign(example=examples.reindex(counts.index)).reset_index()
    table.columns.name = None
    return table.rename(columns={"item": "what", "example": "such as"})


def _readable(frame: pd.DataFrame) -> Table:
    """Return a table whose headings are words; whole numbers have thousands separators."""
    frame = frame.rename(columns=lambda name: str(name).replace("_", " "))
    numbers = [str(name) for name in frame.columns if pd.api.types.is_integer_dtype(frame[name]) and "id" not in name]
    return html_table(frame, dict.fromkeys(numbers, ","))


def _left_out(counts: pd.DataFrame) -> list[str]:
    """Return the names of classes that have images in the training split but no scenes: the models never see them."""
    train = counts[counts["split"] == "train"]
    return train.loc[(train["images"] > 0) & (train["scenes"] == 0), "name"].tolist()


def _one_split_only(counts: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return the splits with classes that have no object in the other split, and the names of these classes."""
    objects = counts.pivot_table(index="name", columns="split", values="instances", aggfunc="sum", sort=False).fillna(0)
    only = [
        (split, objects.index[(objects[split] > 0) & (objects.drop(columns=split) == 0).all(axis=1)])
        for split in SPLITS
    ]
    return [(split, names.tolist()) for split, names in only if len(names)]


@styled
def class_counts(counts: pd.DataFrame) -> Figure:
    """Draw how many images hold each class, in both splits, the commonest class first."""
    train = counts[counts["split"] == "train"].sort_values("images", ascending=False, kind="stable")
    val = counts[counts["split"] == "val"].set_index("name")["images"].reindex(train["name"])
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(train))
    axes.bar(place, train["images"], color=COLOURS[0], label="train")
    axes.plot(place, val, ".", color=COLOURS[1], label="val")
    axes.set_yscale("log")
    plain_powers_of_ten(axes.yaxis)
    axes.set_ylabel("images")
    axes.set_xlim(-1, len(place))
    axes.set_xticks(place, train["name"].tolist(), rotation=90, fontsize=5.5)
    axes.grid(axis="x", visible=False)
    axes.legend()
    return figure
