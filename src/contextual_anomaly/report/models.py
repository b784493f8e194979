"""The chapter on context models: who ranks best, are expectations probabilities, and what does a model cost."""

import pandas as pd

from contextual_anomaly.report import model_figures
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.style import svg

CEILING = "oracle"
RANKED_BY = ("inject_uniform", "remove")  # hit@1 of both, their mean decides the order
FINDS = {
    ("inject_uniform", "recall_at_1"): "added, any: first",
    ("inject_uniform", "auroc"): "AUROC",
    ("inject_uniform", "fpr_at_95_tpr"): "FPR at 95 %",
    ("inject_matched", "recall_at_1"): "added, matched: first",
    ("inject_rarest", "recall_at_1"): "added, rarest: first",
    ("remove", "recall_at_1_per_image"): "removed: first",
    ("remove", "recall_at_5_per_image"): "among 5",
    ("remove", "mean_reciprocal_rank_per_image"): "mean reciprocal rank",
}
TELLS = {
    ("inject_half_clean", "scene_auroc"): "added to or clean: AUROC",
    ("scenes", "pseudo_log_likelihood"): "pseudo-log-likelihood",
    ("scenes", "calibration_error"): "calibration error",
}


def chapter(results: FinishedRun, corrected: pd.DataFrame) -> dict:
    """Figures and tables of all models."""
    standing = _standing(results, corrected)
    order = _order(standing)
    costs = results.costs()
    tables = []
    for columns in (FINDS, TELLS):
        cells = []
        for model in order:
            of_model = standing.loc[model]
            cell = {"model": results.label(model)}
            for key, title in columns.items():
                # What sees the class itself does not answer for it given the others.
                known = key in of_model.index and not (key[0] == "scenes" and results.sees_itself(model))
                row = of_model.loc[key] if known else None
                cell[title] = "–" if row is None else with_interval(*row[["value", "low", "high"]])
            if columns is TELLS:
                fit, ask = costs.get(model, (None, None))
                cell["fit, s"] = "–" if fit is None else f"{fit:.1f}"
                cell["one answer, ms"] = "–" if ask is None else f"{ask:.2f}"
            cells.append(cell)
        tables.append(shown(pd.DataFrame(cells)))
    labels = {model: results.label(model) for model in order}
    curves = {model: results.csv(f"experiments/corrected/{model}.calibration.csv") for model in order}
    return {
        "tables": tables,
        "ranking": svg(
            model_figures.ranking(standing, labels, CEILING if CEILING in order else None),
            "each model's share of changed classes ranked first, with intervals",
        ),
        "ceiling": CEILING in order,
        "curves": svg(model_figures.calibration(curves, labels), "how often what is expected is there, by model"),
        "rates": shown(_rates(standing, labels)),
        "differences": shown(_differences(results, labels)),
        "reference": labels[results.listings[0]],
        "scene_types": _scene_types(results),
    }


def _standing(results: FinishedRun, corrected: pd.DataFrame) -> pd.DataFrame:
    """value, low, high by model, experiment and metric: means over the seeds of the variant that stands for a model."""
    chosen = results.chosen_bottlenecks
    of_chosen = corrected["bottleneck"].isna() | (corrected["bottleneck"] == corrected["model"].map(chosen))
    grouped = corrected[of_chosen].groupby(["model", "experiment", "metric"], sort=False)
    return grouped[["value", "low", "high"]].mean()


def _order(standing: pd.DataFrame) -> list[str]:
    """Models, the best first."""
    hits = sum(
        standing["value"].xs((experiment, "recall_at_1"), level=("experiment", "metric")) for experiment in RANKED_BY
    )
    return hits.sort_values(ascending=False, kind="stable").index.tolist()


def _rates(standing: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Nominal and realised rates of false alarms."""
    cells = []
    for model, label in labels.items():
        of_model = standing.loc[(model, "scenes")]
        rates = of_model[of_model.index.str.contains("_rate_at_")]
        cells.append(
            {"model": label}
            | {name.replace("_rate_at_", ", nominal "): with_interval(*row) for name, row in rates.iterrows()}
        )
    return pd.DataFrame(cells)


def _differences(results: FinishedRun, labels: dict[str, str]) -> pd.DataFrame:
    """Paired differences in hit@1, positive where a model is better than the reference."""
    rows = results.csv("experiments/differences.csv")
    rows = rows[rows["metric"] == "recall_at_1"].assign(
        difference=[
            with_interval(*row)
            for row in rows.loc[rows["metric"] == "recall_at_1", ["difference", "low", "high"]].to_numpy()
        ]
    )
    table = rows.pivot_table(index="model", columns="experiment", values="difference", aggfunc="first", sort=False)
    table = table.reindex([model for model in labels if model in table.index]).rename(index=labels)
    return table.rename_axis(columns=None).reset_index()


def _scene_types(results: FinishedRun) -> list[dict]:
    """The commonest scene types that each mixture has found."""
    found = []
    for name, family in results.families.items():
        if family == "mixture":
            types = results.model(name).scene_types()
            first = types[types["seed"] == types["seed"].iloc[0]].drop(columns="seed")
            found.append({"name": name, "count": len(first), "table": shown(first.head(20), {"share": ".3f"})})
    return found
