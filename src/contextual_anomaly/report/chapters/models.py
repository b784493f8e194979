"""Context models compared: which ranks best, are their probabilities right, and what do they cost."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import intervals, with_interval
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import COLOURS, PUBLISHED_COLOUR, plain_powers_of_ten, styled, svg
from contextual_anomaly.runtime.choices import ORACLES

CEILING = "oracle_with_boxes"
"""The model that no other can beat; "oracle" is that of models which see the classes alone."""
RANKED_BY = ("inject_uniform", "remove")  # the mean of recall_at_1 of both decides the order
RANKING_MEASURES = {
    ("inject_uniform", "recall_at_1"): "added, any: first",
    ("inject_uniform", "auroc"): "AUROC",
    ("inject_uniform", "fpr_at_95_tpr"): "FPR at 95 %",
    ("inject_matched", "recall_at_1"): "added, matched: first",
    ("inject_rarest", "recall_at_1"): "added, rarest: first",
    ("remove", "recall_at_1_per_image"): "removed: first",
    ("remove", "recall_at_5_per_image"): "among 5",
    ("remove", "mean_reciprocal_rank_per_image"): "mean reciprocal rank",
}
SCENE_MEASURES = {
    ("inject_half_clean", "scene_auroc"): "changed or clean: AUROC",
    ("scenes", "pseudo_log_likelihood"): "pseudo-log-likelihood",
    ("scenes", "calibration_error"): "calibration error",
}
COSTS = ("fit, s", "one scene, ms")
PANELS = {
    ("inject_uniform", "recall_at_1"): "any class added: ranked first",
    ("inject_matched", "recall_at_1"): "matched class added: ranked first",
    ("remove", "recall_at_1_per_image"): "class removed: ranked first",
}


def chapter(run: FinishedRun, corrected: pd.DataFrame) -> dict:
    """Return what the template shows of all models.

    Args:
        run: The finished run.
        corrected: `tables.SUMMARY` of the corrected protocol.
    """
    standing = figures_of_models(run, corrected)
    order = _order(standing)
    labels = {model: run.label(model) for model in order}
    curves = {model: run.csv(f"experiments/corrected/{model}.calibration.csv") for model in order}
    scenes = pd.DataFrame([_row(run, standing, model, SCENE_MEASURES) | _costs(run, model) for model in order])
    return {
        "ranking_table": html_table(pd.DataFrame([_row(run, standing, model, RANKING_MEASURES) for model in order])),
        "scene_table": html_table(scenes.dropna(axis="columns", how="all")),
        "costs": bool(scenes[list(COSTS)].notna().to_numpy().any()),
        "ranking": svg(
            ranking(standing, labels, CEILING if CEILING in order else None),
            "each model's share of changed classes ranked first, with intervals",
        ),
        "ceiling": CEILING in order,
        "curves": svg(
            calibration(curves, labels), "share of classes that are present against their probability, by model"
        ),
        "rates": html_table(_rates(standing, labels)),
        "differences": html_table(_differences(run, labels)),
        "reference": labels[run.listings[0]],
        "scene_types": _scene_types(run),
    }


def figures_of_models(run: FinishedRun, corrected: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over the seeds of the variant that stands for each model.

    Returns:
        Columns value, low and high, indexed by model, experiment and metric.
    """
    stands = corrected["bottleneck"].isna() | (
        corrected["bottleneck"] == corrected["model"].map(run.chosen_bottlenecks)
    )
    return corrected[stands].groupby(["model", "experiment", "metric"], sort=False)[["value", "low", "high"]].mean()


def _row(run: FinishedRun, standing: pd.DataFrame, model: str, measures: dict[tuple[str, str], str]) -> dict[str, str]:
    of_model = standing.xs(model, level="model")
    cells = {"model": run.label(model)}
    for key, title in measures.items():
        # A model that sees the class itself gives no probability of it given the others.
        known = key in of_model.index and not (key[0] == "scenes" and run.sees_itself(model))
        cells[title] = with_interval(*of_model.loc[[key]].to_numpy(dtype=float)[0]) if known else "–"
    return cells


def _costs(run: FinishedRun, model: str) -> dict[str, str | None]:
    fit, scene = run.fit_seconds(model), run.milliseconds_per_scene(model)
    texts = (None if fit is None else f"{fit:.1f}", None if scene is None else f"{scene:.2f}")
    return dict(zip(COSTS, texts, strict=True))


def _order(standing: pd.DataFrame) -> list[str]:
    """Return the models, the best first."""
    recall = [standing["value"].xs((name, "recall_at_1"), level=("experiment", "metric")) for name in RANKED_BY]
    mean = pd.concat(recall, axis=1).mean(axis=1)
    return mean.sort_values(ascending=False, kind="stable").index.tolist()


def _rates(standing: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Return nominal and realised rates of false alarms."""
    cells = []
    for model, label in labels.items():
        of_model = pd.DataFrame(standing.xs((model, "scenes"), level=("model", "experiment")))
        rates = of_model[of_model.index.astype(str).str.contains("_rate_at_")]
        names = [str(name).replace("_rate_at_", ", nominal ") for name in rates.index]
        cells.append({"model": label} | dict(zip(names, intervals(rates, "value", "low", "high"), strict=True)))
    return pd.DataFrame(cells)


def _differences(run: FinishedRun, labels: dict[str, str]) -> pd.DataFrame:
    """Return paired differences in recall_at_1, positive where a model is better than the reference."""
    rows = run.csv("experiments/differences.csv")
    rows = rows[rows["metric"] == "recall_at_1"]
    rows = rows.assign(difference=intervals(rows, "difference", "low", "high"))
    table = rows.pivot_table(index="model", columns="experiment", values="difference", aggfunc="first", sort=False)
    table = table.reindex([model for model in labels if model in table.index]).rename(index=labels)
    table.columns.name = None
    return table.reset_index()


def _scene_types(run: FinishedRun) -> list[dict]:
    """Return the commonest scene types that each mixture has found."""
    found = []
    for name, family in run.families.items():
        if family == "mixture":
            types = run.model(name).scene_types()  # pyright: ignore[reportAttributeAccessIssue]  # of mixtures only
            first = types[types["seed"] == types["seed"].iloc[0]].drop(columns="seed")
            found.append({"name": name, "count": len(first), "table": html_table(first.head(20), {"share": ".3f"})})
    return found


@styled
def ranking(standing: pd.DataFrame, labels: dict[str, str], ceiling: str | None) -> Figure:
    """Draw a dot for each model, the best on top, and a line where the best possible figure is known.

    Args:
        standing: As `figures_of_models` returns it.
        labels: Label by model, in order.
        ceiling: The model that no other can beat, or None.
    """
    figure = Figure(figsize=(10, 1.1 + 0.3 * len(labels)), layout="constrained")
    place = np.arange(len(labels))[::-1]
    for axes, (key, title) in zip(figure.subplots(1, len(PANELS), sharey=True), PANELS.items(), strict=True):
        rows = standing.xs(key, level=("experiment", "metric")).reindex(list(labels))
        ends = np.maximum([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0)
        colour = [PUBLISHED_COLOUR if ceiling and model in ORACLES else COLOURS[0] for model in labels]
        axes.errorbar(rows["value"], place, xerr=ends, fmt="none", ecolor=colour, elinewidth=2)
        axes.scatter(rows["value"], place, color=colour, s=28, zorder=3)
        for value, y in zip(rows["value"], place, strict=True):
            axes.annotate(f"{value:.3f}", (value, y), (0, 5), textcoords="offset points", ha="center", fontsize=6.5)
        if ceiling:
            best = float(rows["value"].to_numpy()[list(labels).index(ceiling)])
            axes.axvline(best, color=PUBLISHED_COLOUR, linestyle="--", linewidth=1)
            axes.annotate(" best possible", (best, -0.75), fontsize=7, color=PUBLISHED_COLOUR, ha="right", va="bottom")
        axes.set_yticks(place, list(labels.values()))
        axes.set(title=title, xlim=(0, max(1.08 * rows["value"].max(), 0.1)), ylim=(-0.9, len(labels) - 0.4))
    return figure


@styled
def calibration(curves: dict[str, pd.DataFrame], labels: dict[str, str]) -> Figure:
    """Draw the share of classes that are present against their probability on logarithmic axes, one panel a model."""
    columns = 4
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(10, 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    lowest = 1e-4
    for axes, (model, curve) in zip(panels, curves.items(), strict=False):
        enough = curve[(curve["pairs"] >= 20) & (curve["present"] > 0)]
        axes.plot([lowest, 1], [lowest, 1], color=PUBLISHED_COLOUR, linewidth=1, linestyle="--")
        axes.plot(enough["probability"], enough["present"], marker=".", color=COLOURS[0])
        axes.set(title=labels[model], xscale="log", yscale="log", xlim=(lowest / 3, 1.3), ylim=(lowest / 3, 1.3))
        plain_powers_of_ten(axes.xaxis, axes.yaxis)
        axes.minorticks_off()  # hundreds of marks, which take most of the time of the figure
    for axes in list(panels)[len(curves) :]:
        axes.set_visible(False)
    figure.supxlabel("probability", fontsize=9)
    figure.supylabel("share of classes present", fontsize=9)
    return figure
