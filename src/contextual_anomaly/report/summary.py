"""Every headline figure of a run under a stable name, for people who compare runs: `results/summary.json`.

The file is one JSON object. Its keys are the names of the figures and its values are objects with

- `value`: the figure;
- `low`, `high`: its 95 % interval, from images resampled; null where the figure has none;
- `n_images`: on how many images it was measured; null where that is not known;
- `std`, `n_seeds`: only for figures that are a mean over several weight seeds, their standard deviation and number. The
  interval is then the mean of the intervals of the seeds.

A name has four parts, joined by dots: **dataset.model.experiment.measure**, as
`coco2017.ensemble.inject_uniform.recall_at_1`. Inside a part only lower-case letters, digits and `_` occur. All other
characters, decimal points too, become `_`; spaces before digits are dropped, so COCO 2017 is `coco2017`.

| dataset | model | experiment | measure |
| --- | --- | --- | --- |
| name | `data` | `train`, `val` | `n_images`, `n_images_without_objects`, `n_scenes`, `n_unfiltered_scenes`, `n_classes`, \
`n_objects` |
| name | a model | `anomalies` | `n_unexpected`, `n_missing` |
| name | a model | `inject_uniform`, `inject_matched`, `inject_rarest`, `inject_half_clean`, `remove`, `scenes` | corrected \
protocol: the metric of `experiments/corrected/MODEL.summary.csv`, as `recall_at_1`, `auroc`, `fpr_at_95_tpr` |
| name | a model | `objects`, `label_by_frequency`, `label_uniform`, `label_in_supercategory`, `box_moved`, `box_resized` | \
single objects: the metric of `experiments/objects/MODEL.summary.csv`, as `accuracy`, `auroc`, `precision_at_k` |
| name | a model | the same | `recall_at_1_minus_REFERENCE` and the like: the paired difference from the reference model |
| name | a model | `published_inject_any`, `published_remove` and the like | published protocol: `found`, a share |
| name | a detector | `detection` | `ap`, `ap50` and the like, by COCO's evaluation |
| name | a detector | `gate`, `gate_detector`, `gate_detector_at_gate_recall` | `precision_threshold_T`, `recall_threshold_T`, \
`precision_gain_same_recall_threshold_T`, `precision_gain_same_threshold_threshold_T`; T is 0_25 for 0.25 |
| name | a detector | `rescoring_detector`, `rescoring_calibrated`, `rescoring_fusion`, `rescoring_own`, `rescoring_duplicates`, `rescoring_context`, `rescoring_alternatives` | \
`presence_macro_ap`, `presence_micro_ap`, `presence_aurc`, `boxes_ap`, `boxes_ap50`; with `_images_with_K_classes` where \
only such images count; `presence_precision_threshold_T`; each with `_gain` behind it, the gain over the detector alone |
| name | an auditor | `audit` | `n_overlooked`, `n_swapped`, `n_spurious`, `n_misplaced`, `n_duplicate` |
| name | an auditor | `audit_overlooked`, `audit_swapped` and so on | `auroc_by_WHO`, `average_precision_by_WHO`, \
`precision_at_k_by_WHO`, `listed_by_WHO`, `precision_of_listed_by_WHO` and `expected_of_listed_by_WHO` \
on planted errors; WHO is `detector_and_context`, `detector` or `context` |

The model `published` of a sweep stands for its chosen bottleneck; every bottleneck has a name of its own as well, as
`published_d10`.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.report.finished_run import SPLITS, FinishedRun
from contextual_anomaly.report.frames import groups_of, rows_of
from contextual_anomaly.runtime.atomic import atomic_write, read_text

DIGITS = 6  # significant digits, as in the CSV files


class Figure(TypedDict):
    """One figure; `std` and `n_seeds` are there only for means over weight seeds."""

    value: float | None
    low: float | None
    high: float | None
    n_images: int | None
    std: NotRequired[float | None]
    n_seeds: NotRequired[int]


Summary = dict[str, Figure]


def figure_name(dataset: str, model: str, experiment: str, measure: str) -> str:
    """Return the dotted name of a figure."""
    return ".".join(_part(text) for text in (dataset, model, experiment, measure))


def _part(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"\s+(?=\d)", "", text.lower())).strip("_")


def summarize(run: FinishedRun, dataset: str) -> Summary:
    """Return every headline figure of a run.

    Args:
        run: The finished run.
        dataset: Name of the data set.
    """
    sources = [
        _data(run),
        _anomalies(run),
        _corrected(run),
        _by_variant(run, run.summary("objects"), ""),
        _differences(run),
        _published(run),
        *(_detector(run, detector) for detector in run.detectors),
        *(_auditor(run, auditor) for auditor in run.auditors),
    ]
    summary: Summary = {}
    for key, figure in (named for source in sources for named in source):
        name = figure_name(dataset, *key)
        if name in summary:
            raise UserError(f"{name}: two figures have this name. Rename a model, detector or auditor of the run.")
        summary[name] = figure
    return summary


def write_summary(summary: Summary, path: Path) -> None:
    """Write the figures as JSON, sorted by name."""
    with atomic_write(path) as temporary:
        text = json.dumps(dict(sorted(summary.items())), indent=1, allow_nan=False)
        temporary.write_text(re.sub(r"\n  +|\n (?=\})", " ", text) + "\n", encoding="utf-8")  # one figure a line


def read_summary(path: Path) -> Summary:
    """Return the figures of a file that `write_summary` has written.

    Raises:
        UserError: The file is missing or is no such file.
    """
    try:
        summary = json.loads(read_text(path, "the summary of a run"))
    except ValueError as error:
        raise UserError(f"{path}: not a readable JSON file ({error}).") from error
    if not isinstance(summary, dict) or not all(name.count(".") == 3 and "value" in summary[name] for name in summary):
        raise UserError(f"{path}: names as dataset.model.experiment.measure were expected, each with a value.")
    return summary


Named = Iterator[tuple[tuple[str, str, str], Figure]]
"""Figures by model, experiment and measure."""


def _number(value: Any) -> float | None:
    """Return a number with the digits of the CSV files; None where it is not a number."""
    if value is None or pd.isna(value):
        return None
    return float(f"{float(value):.{DIGITS}g}")


def _figure(value: Any, low: Any = None, high: Any = None, n_images: Any = None) -> Figure:
    images = None if n_images is None or pd.isna(n_images) else int(n_images)
    return {"value": _number(value), "low": _number(low), "high": _number(high), "n_images": images}


def _count(value: int) -> Figure:
    return {"value": int(value), "low": None, "high": None, "n_images": None}


def _data(run: FinishedRun) -> Named:
    counts = run.csv("scenes/class_counts.csv")
    summary = run.optional_csv("data_summary.csv")
    for row in rows_of(pd.DataFrame() if summary is None else summary):
        if row.item in ("images", "images without objects"):
            yield ("data", row.split, f"n_{row.item}"), _count(row.count)
    for split in SPLITS:
        scenes, of_split = run.scenes[split], counts[counts["split"] == split]
        yield ("data", split, "n_scenes"), _count(len(scenes.image_ids))
        yield ("data", split, "n_unfiltered_scenes"), _count(len(run.unfiltered_scenes(split).image_ids))
        yield ("data", split, "n_classes"), _count(len(scenes.classes))
        yield ("data", split, "n_objects"), _count(int(of_split["instances"].sum()))


def _anomalies(run: FinishedRun) -> Named:
    for model in run.listings:
        kinds = run.anomalies(model)["kind"].value_counts()
        for kind in ("unexpected", "missing"):
            yield (model, "anomalies", f"n_{kind}"), _count(int(kinds.get(kind, 0)))


def _over_seeds(rows: pd.DataFrame) -> Figure:
    """Return the mean over the weight seeds of one figure.

    Args:
        rows: `tables.SUMMARY` of one model, bottleneck, experiment and metric.
    """
    figure = _figure(rows["value"].mean(), rows["low"].mean(), rows["high"].mean(), rows["images"].mean())
    if len(rows) > 1:
        figure["std"], figure["n_seeds"] = _number(np.std(rows["value"], ddof=1)), len(rows)
    return figure


def _by_variant(run: FinishedRun, summary: pd.DataFrame, prefix: str) -> Named:
    """Yield the figures of every model and bottleneck of a protocol."""
    for key, rows in groups_of(summary, ["model", "bottleneck", "experiment", "metric"]):
        model, bottleneck, experiment, metric = key
        names = [model]
        if not pd.isna(bottleneck):
            stands = run.chosen_bottlenecks.get(model) == bottleneck
            names = [f"{model}_d{int(bottleneck)}", *([model] if stands else [])]
        figure = _over_seeds(rows)
        # A model that sees the class itself gives no probability of it given the others.
        if figure["value"] is not None and not (experiment == "scenes" and run.sees_itself(model)):
            for name in names:
                yield (name, prefix + experiment, metric), figure


def _corrected(run: FinishedRun) -> Named:
    return _by_variant(run, run.summary("corrected"), "")


def _published(run: FinishedRun) -> Named:
    return _by_variant(run, run.summary("published"), "published_")


def _differences(run: FinishedRun) -> Named:
    reference = run.listings[0] if run.listings else "reference"
    for row in rows_of(run.csv("experiments/differences.csv")):
        measure = f"{row.metric}_minus_{reference}"
        yield (
            (row.model, row.experiment, measure),
            _figure(row.difference, row.low, row.high, getattr(row, "images", None)),
        )


def _detector(run: FinishedRun, detector: str) -> Named:
    for row in rows_of(run.csv(f"experiments/detection/{detector}.csv")):
        if pd.isna(row.category):
            yield (detector, "detection", row.metric), _figure(row.value, n_images=row.images)
    for row in rows_of(run.csv(f"experiments/rescoring/{detector}.summary.csv")):
        experiment = "gate" if row.method == "gate" else f"gate_{row.method}"
        for measure in ("precision", "recall", "precision_gain_same_recall", "precision_gain_same_threshold"):
            value = getattr(row, measure, math.nan)
            if not pd.isna(value):
                low, high = (getattr(row, f"{measure}_{end}", None) for end in ("low", "high"))
                yield (detector, experiment, f"{measure}_threshold_{row.threshold:g}"), _figure(value, low, high)
    for row in rows_of(run.csv(f"experiments/rescoring/{detector}.metrics.csv")):
        measure = f"{row.subject}_{row.measure}"
        measure += f"_images_with_{row.images_with}_classes" if row.images_with else ""
        measure += "" if pd.isna(row.threshold) else f"_threshold_{row.threshold:g}"
        experiment = f"rescoring_{row.method}"
        if not pd.isna(row.value):
            yield (detector, experiment, measure), _figure(row.value, row.low, row.high, row.images)
        if not pd.isna(row.gain):
            yield (detector, experiment, f"{measure}_gain"), _figure(row.gain, row.gain_low, row.gain_high, row.images)


def _auditor(run: FinishedRun, auditor: str) -> Named:
    kinds = tables.read_table(run.folder / f"audit/{auditor}.parquet", tables.FINDINGS, ["kind"]).to_pandas()["kind"]
    for kind in ("overlooked", "swapped", "spurious", "misplaced", "duplicate"):
        yield (auditor, "audit", f"n_{kind}"), _count(int((kinds == kind).sum()))
    for row in rows_of(run.csv(f"audit/{auditor}.evaluation.csv")):
        yield (auditor, f"audit_{row.kind}", f"{row.measure}_by_{row.by}"), _figure(row.value, row.low, row.high)
