"""The report: every section's tables and figures, and the template that they go into."""

import platform
from importlib.metadata import version
from importlib.resources import files

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from contextual_anomaly import __version__
from contextual_anomaly.report import figures, models
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.gallery import Picture
from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.reproduction.chapter import chapter
from contextual_anomaly.report.reproduction.published_figures import SOURCE
from contextual_anomaly.report.rescoring import added_by_context
from contextual_anomaly.report.style import embedded, svg

LIBRARIES = (
    "numpy", "pandas", "pyarrow", "scikit-learn", "jax", "flax", "optax", "onnx", "opencv-python-headless",
    "pycocotools", "matplotlib", "snakemake",
)  # fmt: skip
LISTED = 30  # rows of the anomalies shown; the files have them all
DEFINITIONS = {
    "recall_at_1": "changed class ranked first",
    "recall_at_5": "among the first five",
    "mean_reciprocal_rank": "mean reciprocal rank",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "fpr_at_95_tpr": "false positive rate at 95 % true positives",
    "tpr_at_5_fpr": "found at 5 % false alarms",
    "tpr": "found at the published threshold",
    "fpr": "genuine ones flagged at it",
}


def render(
    results: FinishedRun,
    dataset_name: str,
    dataset_kind: str,
    galleries: dict[str, list[Picture]],
    audits: list[dict],
    configuration: str,
    configuration_digest: str,
) -> str:
    """The page as HTML."""
    coco = dataset_kind == "coco"
    environment = Environment(
        loader=PackageLoader("contextual_anomaly.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    published, corrected = results.summary("published"), results.summary("corrected")
    context = {
        "dataset": dataset_name,
        "kind": dataset_kind,
        "style": (files("contextual_anomaly.report") / "templates/style.css").read_text(encoding="utf-8"),
        "headline": _headline(results, corrected),
        "data": _data(results),
        "training": [_training(results, name) for name in results.sweeps],
        "anomalies": [_anomalies(results, name, galleries.get(name, [])) for name in results.listings],
        "models": models.chapter(results, corrected),
        "published": [_published(results, published, name, coco) for name in results.in_published],
        "corrected": _corrected(results, corrected),
        "reproduction": chapter(results, published, corrected) if coco else None,
        "detectors": [_detector(results, name) for name in results.detectors],
        "audits": audits,
        "source": SOURCE,
        "timings": shown(results.timings(), {"seconds": ".1f"}),
        "timings_total": results.timings()["seconds"].sum(),
        "versions": [("contextual-anomaly", __version__), ("Python", platform.python_version())]
        + [(name, version(name)) for name in LIBRARIES],
        "machine": f"{platform.system()} {platform.machine()}",
        "configuration": configuration,
        "digest": configuration_digest,
    }
    return environment.get_template("report.html").render(context)


def _headline(results: FinishedRun, corrected: pd.DataFrame) -> list[tuple[str, str]]:
    train, val = results.scenes["train"], results.scenes["val"]
    facts = [
        (f"{len(train.image_ids):,}", "training scenes"),
        (f"{len(val.image_ids):,}", "scenes judged"),
        (f"{len(val.classes)}", "classes"),
    ]
    best = corrected[(corrected["metric"] == "recall_at_1") & ~corrected["model"].isin(["oracle"])]
    for experiment, text in (
        ("inject_uniform", "added objects ranked first"),
        ("remove", "removed objects ranked first"),
    ):
        rows = best[best["experiment"] == experiment].sort_values("value", ascending=False)
        if len(rows):
            facts.append(
                (f"{100 * rows['value'].iloc[0]:.0f} %", f"of {text} by the best model, {_member(rows.iloc[0])}")
            )
    return facts


def _member(row: pd.Series) -> str:
    return row["model"] if pd.isna(row["bottleneck"]) else f"{row['model']} d = {int(row['bottleneck'])}"


def _data(results: FinishedRun) -> dict:
    counts = results.csv("scenes/class_counts.csv")
    commonest = counts[counts["split"] == "train"].sort_values("images", ascending=False, kind="stable")
    columns = ["name", "supercategory", "images", "instances", "scenes"]
    fetched, missing = results.missing_images()
    return {
        "fetched": fetched,
        "missing": missing,
        "figure": svg(figures.class_counts(counts), "images that hold each class, by falling number"),
        "table": shown(commonest[columns], dict.fromkeys(columns[2:], ",")),
    }


def _training(results: FinishedRun, name: str) -> dict:
    history = results.history(name)
    last = history[history["epoch"] == history["epoch"].max()]
    table = last.groupby("bottleneck")[["loss", "val_loss"]].agg(["mean", "std"]).fillna(0).reset_index()
    table.columns = ["d", "training loss", "std over seeds", "validation loss", "std over seeds "]
    return {
        "name": name,
        "epochs": int(history["epoch"].max()),
        "seeds": history["seed"].nunique(),
        "figure": svg(
            figures.training(history), f"loss curves of {name}, final loss against d, difference from d to d + 1"
        ),
        "table": shown(table, dict.fromkeys(table.columns[1:], ".4f")),
    }


def _anomalies(results: FinishedRun, name: str, gallery: list[Picture]) -> dict:
    listing = results.anomalies(name)
    kinds = listing["kind"].value_counts()
    return {
        "name": name,
        "unexpected": int(kinds.get("unexpected", 0)),
        "missing": int(kinds.get("missing", 0)),
        "images": listing["image_id"].nunique(),
        "rows": list(listing.head(LISTED).itertuples(index=False)),
        "gallery": [(picture, embedded("image/jpeg", picture.jpeg, picture.alt)) for picture in gallery],
    }


def _published(results: FinishedRun, summary: pd.DataFrame, name: str, coco: bool) -> dict:
    rows = summary[(summary["model"] == name) & (summary["metric"] == "found")]
    sweep = name in results.sweeps
    cells = []
    for bottleneck, variants in rows.groupby("bottleneck", dropna=False):
        cell = {"d": "–" if pd.isna(bottleneck) else int(bottleneck)}
        for part, title in figures.PARTS.items():
            found = variants[variants["experiment"] == part]
            value, std = 100 * found["value"].mean(), 100 * found["std"].mean()
            low, high = 100 * found["low"].mean(), 100 * found["high"].mean()
            text = "–" if pd.isna(value) else f"{value:.1f} ± {std:.1f} [{low:.1f}, {high:.1f}]"
            cell[title] = text if pd.isna(value) or part != "remove" else f"{text} ({found['trials'].mean():.0f})"
        cells.append(cell)
    figure = None
    if sweep:
        boxes = figures.published_boxes(results.draws(name), coco and name == "published")
        figure = svg(boxes, f"experiment 1 of {name}, share found in each draw against d")
    return {"name": name, "figure": figure, "table": shown(pd.DataFrame(cells))}


def _corrected(results: FinishedRun, summary: pd.DataFrame) -> dict:
    variants = summary[["model", "bottleneck"]].drop_duplicates()
    variants["label"] = variants.apply(_member, axis=1)
    variants["colour"] = variants["model"].map({name: i for i, name in enumerate(results.families)})
    # A bar for the bottleneck that stands for a sweep; the tables have every one.
    stands = variants["model"].map(results.chosen_bottlenecks)
    bars = variants[variants["bottleneck"].isna() | (variants["bottleneck"] == stands)]
    tables = []
    for experiment, title in figures.CORRECTED.items():
        of_experiment = summary[summary["experiment"] == experiment]
        cells = []
        for variant in variants.itertuples():
            same = (
                of_experiment["bottleneck"].isna()
                if pd.isna(variant.bottleneck)
                else (of_experiment["bottleneck"] == variant.bottleneck)
            )
            figures_of = of_experiment[(of_experiment["model"] == variant.model) & same]
            mean = figures_of.groupby("metric")[["value", "low", "high"]].mean()
            cell = {"model": variant.label}
            for metric, label in DEFINITIONS.items():
                if metric in mean.index:
                    cell[label] = with_interval(*mean.loc[metric])
            cells.append(cell)
        trials = of_experiment["trials"].max()
        prevalence = of_experiment.loc[of_experiment["metric"] == "prevalence", "value"].mean()
        tables.append(
            {"title": title, "trials": int(trials), "prevalence": prevalence, "table": shown(pd.DataFrame(cells))}
        )
    return {
        "hits": svg(
            figures.corrected_bars(summary, bars, "recall_at_1", "ranked first"),
            "share of changed classes ranked first, by model",
        ),
        "auroc": svg(figures.corrected_bars(summary, bars, "auroc", "AUROC"), "AUROC of each model"),
        "tables": tables,
    }


def image_problems(results: FinishedRun, detector: str) -> pd.DataFrame:
    """file_name and problem of the images that a detector could not read, or that are not as the annotations say."""
    report = results.csv(f"detections/{detector}/images.csv")
    return report.loc[report["problem"].notna(), ["file_name", "problem"]]


def _detector(results: FinishedRun, name: str) -> dict:
    measures = results.csv(f"experiments/detection/{name}.csv")
    overall = measures[measures["category"].isna()].set_index("metric")["value"]
    of_class = measures[measures["category"].notna()].pivot_table(index="category", columns="metric", values="value")
    summary = results.csv(f"experiments/rescoring/{name}.summary.csv")
    agreement = results.csv(f"experiments/rescoring/{name}.context_supported_false_positives.csv")
    looked = results.csv(f"detections/{name}/images.csv")["status"].value_counts()
    names = {
        "detector": "detector alone",
        "gate": "with the context gate",
        "detector_at_gate_recall": "alone, at the gate's recall",
    }
    table = pd.DataFrame(
        {
            "threshold": summary["threshold"],
            "method": summary["method"].map(names),
            "precision": [
                with_interval(*v) for v in summary[["precision", "precision_low", "precision_high"]].to_numpy()
            ],
            "recall": [with_interval(*v) for v in summary[["recall", "recall_low", "recall_high"]].to_numpy()],
            **{column.upper(): summary[column] for column in ("f1", "tp", "fp", "fn", "tn")},
        }
    )
    gate = summary[summary["method"] == "gate"]
    gain = pd.DataFrame(
        {
            "threshold": gate["threshold"],
            "gate's precision minus the detector's at the same recall": [
                with_interval(*v)
                for v in gate[
                    ["precision_gain_same_recall", "precision_gain_same_recall_low", "precision_gain_same_recall_high"]
                ].to_numpy()
            ],
        }
    )
    return {
        "name": name,
        "images": looked.to_dict(),
        "problems": shown(image_problems(results, name)),
        "overall": [(metric, overall[metric]) for metric in ("AP", "AP50", "AP75", "AR100") if metric in overall],
        "of_class": shown(
            of_class.reset_index().rename(columns={"category": "class"}), dict.fromkeys(of_class.columns, ".3f")
        ),
        "figure": svg(figures.rescoring(summary), f"experiment 2 of {name}: precision and recall against threshold"),
        "table": shown(table, {"F1": ".3f"}),
        "precision_gain_same_recall": shown(gain),
        "added": added_by_context(results, name),
        "agreement": shown(agreement, {"share": ".3f"}),
        "supported": shown(
            results.csv(f"experiments/rescoring/{name}.context_supported_false_positive_images.csv")
            .head(20)
            .drop(columns="link"),
            {"score": ".2f", "probability": ".2f"},
        ),
    }
