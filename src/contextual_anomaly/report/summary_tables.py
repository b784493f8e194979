"""Markdown tables of the headline figures of one run or of several, as in the documentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from contextual_anomaly.report.reproduction.published_figures import EXPERIMENT_1
from contextual_anomaly.runtime.choices import ORACLES

if TYPE_CHECKING:  # the command line imports this module for the names of the tables, and pandas takes its time
    from contextual_anomaly.report.summary import Figure, Summary

CORRECTED = {
    ("inject_uniform", "recall_at_1"): "inject any: first",
    ("inject_uniform", "auroc"): "AUROC",
    ("inject_uniform", "fpr_at_95_tpr"): "FPR at 95 %",
    ("inject_matched", "recall_at_1"): "inject matched: first",
    ("remove", "recall_at_1_per_image"): "remove: first",
    ("remove", "recall_at_5_per_image"): "among 5",
    ("remove", "mean_reciprocal_rank_per_image"): "MRR",
    ("scenes", "pseudo_log_likelihood"): "log-likelihood",
}
SMALLER_IS_BETTER = {"FPR at 95 %"}
PUBLISHED = {
    "inject_20_least_common_label": "inject, “20 least common”",
    "inject_any": "inject, any class",
    "remove": "remove",
}
COCO = "coco2017"
GATE_THRESHOLDS = ("0_05", "0_1", "0_25", "0_4")
RESCORING = {
    "presence_macro_ap": "AP, mean of classes",
    "presence_micro_ap": "AP, all together",
    "presence_precision_threshold_0_25": "precision at the recall of threshold 0.25",
    "presence_aurc": "area under risk–coverage",
}
DETECTION = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ar100": "AR100"}
AUDIT = {"auroc": "AUROC", "average_precision": "average precision", "precision_at_k": "precision among the first k"}
WHO = ("detector_and_context", "detector", "context")


class SummaryTable(StrEnum):
    """The tables that `summary_table` renders."""

    corrected = "corrected"
    published = "published"
    gate = "gate"
    rescoring = "rescoring"
    detection = "detection"
    audit = "audit"


def summary_table(summaries: Mapping[str, Summary], table: SummaryTable, intervals: bool = False) -> str:
    """Return a table of one or several runs in Markdown; where there are several, a first column names the run.

    Args:
        summaries: By the name of the run, as `read_summary` returns them.
        table: Which table.
        intervals: Whether the 95 % intervals stand behind the figures.
    """
    render = _TABLES[table]
    parts = {run: render(_cells(summary), _dataset(summary), intervals) for run, summary in summaries.items()}
    heads = next((heads for heads, _ in parts.values()), [])
    if len(parts) == 1:
        return _markdown(heads, [row for _, rows in parts.values() for row in rows])
    return _markdown(["run", *heads], [[run, *row] for run, (_, rows) in parts.items() for row in rows])


Cells = dict[tuple[str, str, str], "Figure"]
"""Figures of one run by model, experiment and measure."""


def _cells(summary: Summary) -> Cells:
    cells: Cells = {}
    for name, figure in summary.items():
        _, model, experiment, measure = name.split(".")
        cells[model, experiment, measure] = figure
    return cells


def _dataset(summary: Summary) -> str:
    return next(iter(summary), "").split(".")[0]


def _models(cells: Cells, experiment: str) -> list[str]:
    return list(dict.fromkeys(model for model, of, _ in cells if of == experiment))


def _corrected(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """Models by the corrected protocol, the best first, the best figure of each column bold."""
    models = [model for model in _models(cells, "inject_uniform") if _stands(cells, model)]
    models.sort(
        key=lambda model: -sum(_value(cells, model, *key) for key in list(CORRECTED)[:1] + list(CORRECTED)[4:5])
    )
    columns = [[cells.get((model, *key)) for model in models] for key in CORRECTED]
    rows = [[model] for model in models]
    for title, column in zip(CORRECTED.values(), columns, strict=True):
        sign = -1 if title in SMALLER_IS_BETTER else 1
        digits = 2 if title == "log-likelihood" else 3
        values = [math.nan if not figure or figure["value"] is None else sign * figure["value"] for figure in column]
        competing = [value for model, value in zip(models, values, strict=True) if model not in ORACLES]
        best = max((value for value in competing if not math.isnan(value)), default=math.nan)
        for row, figure, value in zip(rows, column, values, strict=True):
            text = _text(figure, digits, intervals)
            row.append(f"**{text}**" if value == best and row[0] not in ORACLES else text)
    return ["model", *CORRECTED.values()], rows


def _stands(cells: Cells, model: str) -> bool:
    """Return whether a name stands for a model: of a sweep, the names of single bottlenecks do not."""
    stem, _, size = model.rpartition("_d")
    return not (size.isdigit() and (stem, "inject_uniform", "recall_at_1") in cells)


def _value(cells: Cells, model: str, experiment: str, measure: str) -> float:
    return cells.get((model, experiment, measure), {}).get("value") or 0.0


def _published(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """The sweep `published` by the published protocol in per cent, ± std over seeds, with COCO's published figures."""
    sizes = sorted(
        int(model.removeprefix("published_d"))
        for model in _models(cells, "published_inject_any")
        if model.startswith("published_d")
    )
    rows = []
    for size in sizes:
        row = [str(size)]
        for experiment in PUBLISHED:
            figure = cells.get((f"published_d{size}", f"published_{experiment}", "found"), {})
            text = _percent(figure.get("value"), figure.get("std"))
            if dataset == COCO and size in EXPERIMENT_1[experiment]:
                text += f" ({_percent(*(share / 100 for share in EXPERIMENT_1[experiment][size][:2]))})"
            row.append(text)
        rows.append(row)
    return ["d", *PUBLISHED.values()], rows


def _percent(share: float | None, std: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.1f}" + ("" if std is None else f" ± {100 * std:.1f}")


def _gate(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """The published gate of experiment 2 beside the detector alone."""
    rows = []
    for detector in _models(cells, "gate"):
        for threshold in GATE_THRESHOLDS:
            pair = [
                " / ".join(
                    _text(cells.get((detector, experiment, f"{measure}_threshold_{threshold}")), 3, intervals)
                    for measure in ("precision", "recall")
                )
                for experiment in ("gate_detector", "gate")
            ]
            gain = cells.get((detector, "gate", f"precision_gain_same_recall_threshold_{threshold}"))
            if gain is not None:
                rows.append([detector, threshold.replace("_", "."), *pair, _signed(gain)])
    heads = ["detector", "threshold", "alone: precision / recall", "gate: precision / recall", "gain at equal recall"]
    return heads, rows


def _rescoring(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """What the fusion with context adds to each detector."""
    rows = []
    for detector in _models(cells, "rescoring_fusion"):
        row = [detector]
        for measure in RESCORING:
            alone, fused = (cells.get((detector, f"rescoring_{name}", measure)) for name in ("detector", "fusion"))
            gain = cells.get((detector, "rescoring_fusion", f"{measure}_gain"))
            row.append(f"{_text(alone, 3, False)} → {_text(fused, 3, False)}, {_signed(gain)}")
        rows.append(row)
    return ["detector", *RESCORING.values()], rows


def _detection(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """The detectors by COCO's evaluation."""
    rows = []
    for detector in _models(cells, "detection"):
        of_detector = [cells.get((detector, "detection", measure)) for measure in DETECTION]
        images = next((figure["n_images"] for figure in of_detector if figure and "n_images" in figure), None)
        count = "–" if images is None else f"{images:,}"
        rows.append([detector, count, *(_text(figure, 3, intervals) for figure in of_detector)])
    return ["detector", "images", *DETECTION.values()], rows


def _audit(cells: Cells, dataset: str, intervals: bool) -> tuple[list[str], list[list[str]]]:
    """How well the audit finds planted errors."""
    rows = []
    for kind in ("overlooked", "swapped", "spurious", "misplaced", "duplicate"):
        for auditor in _models(cells, f"audit_{kind}"):
            for who in WHO:
                figures = [cells.get((auditor, f"audit_{kind}", f"{measure}_by_{who}")) for measure in AUDIT]
                if any(figures):
                    texts = [_text(figure, 3, intervals) for figure in figures]
                    rows.append([kind, auditor, who.replace("_", " "), *texts])
    return ["kind", "auditor", "judged by", *AUDIT.values()], rows


_TABLES: dict[SummaryTable, Callable[[Cells, str, bool], tuple[list[str], list[list[str]]]]] = {
    SummaryTable.corrected: _corrected,
    SummaryTable.published: _published,
    SummaryTable.gate: _gate,
    SummaryTable.rescoring: _rescoring,
    SummaryTable.detection: _detection,
    SummaryTable.audit: _audit,
}


def _text(figure: Figure | None, digits: int, intervals: bool) -> str:
    value = (figure or {}).get("value")
    if figure is None or value is None:
        return "–"
    low, high = figure.get("low"), figure.get("high")
    text = f"{value:.{digits}f}"
    if intervals and low is not None and high is not None:
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text.replace("-", "−")


def _signed(figure: Figure | None) -> str:
    """Return a gain with its sign and interval."""
    value = (figure or {}).get("value")
    if figure is None or value is None:
        return "–"
    low, high = figure.get("low"), figure.get("high")
    interval = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
    return f"{value:+.3f}{interval}".replace("-", "−")


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown; columns after the first are aligned right where every cell begins with a digit."""
    numeric = [all(row[i].lstrip("*+−–")[:1].isdigit() or row[i] == "–" for row in rows) for i in range(len(heads))]
    lines = [heads, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
