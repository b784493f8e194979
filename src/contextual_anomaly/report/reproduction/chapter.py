"""The chapter on the published results: beside ours, and what was found out about them. Only for COCO."""

import pandas as pd

from contextual_anomaly.coco.links import EXPLORE
from contextual_anomaly.report import figures
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import linked, shown, with_interval
from contextual_anomaly.report.reproduction import anomaly_lists
from contextual_anomaly.report.reproduction import comparison as reproduction
from contextual_anomaly.report.reproduction import figures as reproduction_figures
from contextual_anomaly.report.reproduction.claims import LONGER, PUBLISHED, UNITS, Claims
from contextual_anomaly.report.style import svg

HEADINGS = {
    "published_std": "± std",
    "published_trials": "its trials",
    "ours_low": "lowest seed",
    "ours_high": "highest seed",
    "ours_std": "± std of seeds",
    "draws_std": "± std of draws",
    "trials": "our trials",
    "difference": "difference / std",
    "of_both": "difference / std of both",
}
FORMATS = {
    "published": ".1f", "± std": ".1f", "its trials": ",.0f", "ours": ".1f", "lowest seed": ".1f", "highest seed": ".1f",
    "± std of seeds": ".1f", "± std of draws": ".1f", "our trials": ",.0f", "difference / std": "+.2f", "difference / std of both": "+.2f",
}  # fmt: skip


def chapter(results: FinishedRun, published: pd.DataFrame, corrected: pd.DataFrame) -> dict | None:
    """What the template shows; nothing where the original was not trained."""
    if PUBLISHED not in results.sweeps:
        return None
    table = reproduction.beside_published(published, PUBLISHED)
    if table.empty:
        return None
    inside = table[table["d"].between(6, 15)]
    injection = ~inside["part"].str.startswith("remove")
    claims = Claims(results, published, corrected)
    epochs = {name: int(results.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER) if name in results.sweeps}
    overview = reproduction_figures.claims(claims, epochs)
    return {
        "seeds": results.history(PUBLISHED)["seed"].nunique(),
        "figure": svg(reproduction_figures.beside_published(table), "published and reproduced shares found, against d"),
        "parts": [
            (part, shown(rows.drop(columns="part").rename(columns=HEADINGS), FORMATS))
            for part, rows in table.groupby("part", sort=False)
        ],
        "most": shown(reproduction.most_beside_published(published, PUBLISHED).rename(columns=HEADINGS), FORMATS),
        "largest": {
            "injection": inside[injection]["difference"].abs().max(),
            "removal": inside[~injection]["difference"].abs().max(),
            "removal_of_both": inside[~injection]["of_both"].abs().max(),
        },
        "selection": _selection(results),
        "anomalies": _anomalies(results),
        "rescoring": [_rescoring(results, name) for name in results.detectors],
        "claims": claims.all(),
        "claims_figure": svg(overview, "the claims, a panel each: what the published measure hides"),
    }


def _selection(results: FinishedRun) -> dict:
    """What one unit more brings, by which the original chose ten."""
    history = results.history(PUBLISHED)
    last = history[history["epoch"] == history["epoch"].max()]
    loss = last.groupby("bottleneck")["val_loss"].agg(["mean", "std"])
    fall = -loss["mean"].diff() / loss.index.to_series().diff()
    table = pd.DataFrame({"d": loss.index, "validation loss": loss["mean"], "± std of seeds": loss["std"]})
    table["falls by, a unit"] = fall
    table["of what one unit brings at first, %"] = 100 * fall / fall.dropna().iloc[0] if len(fall) > 1 else float("nan")
    formats = {"validation loss": ".4f", "± std of seeds": ".4f", "falls by, a unit": ".5f", table.columns[-1]: ".0f"}
    return {
        "figure": svg(figures.training(history), "the three plots from which the original chose ten units"),
        "table": shown(table, formats),
    }


def _anomalies(results: FinishedRun) -> dict | None:
    """How many of the published flags our autoencoders of that size raise, and which none does."""
    model = results.model(PUBLISHED)
    if UNITS not in [variant.bottleneck for variant in model.variants]:
        return None
    lists = anomaly_lists.AnomalyLists.of(model, results.scenes["val"], UNITS)
    if lists.flags.empty:  # another split than the published one
        return None
    rows = []
    for at in (anomaly_lists.LIST, anomaly_lists.CODE):
        bounds = f"{at.unexpected_below:g}, {at.missing_above:g}"
        for count in lists.counts(at).itertuples():
            shares = 100 * count.found / count.published if count.published else float("nan"), 100 * count.other_seed
            rows.append((bounds, *count[1:-1], *shares))
    columns = [
        "below, above", "kind", "published flags", "ours, a seed", "published found by a seed",
        "by at least one seed", "by every seed", "found by a seed, %", "of a seed's flags, another seed's too, %",
    ]  # fmt: skip
    formats = {columns[3]: ".1f", columns[4]: ".1f", columns[7]: ".0f", columns[8]: ".0f"}
    each = lists.each(anomaly_lists.LIST)
    surprise = each["expected"].where(each["kind"] == "unexpected", 1 - each["expected"])
    each = each.assign(surprise=surprise).sort_values("surprise", kind="stable").drop(columns="surprise")
    each["image_id"] = [linked(EXPLORE + str(image), str(image)) for image in each["image_id"]]
    missed = each["flagged_by"] == 0
    names = {"published": "published expects", "expected": "ours, median", "difference": "difference / std of seeds"}
    of_each = {
        "published expects": ".6f",
        "ours, median": ".6f",
        "difference / std of seeds": "+.1f",
        "flagged by seeds": "d",
    }
    names["flagged_by"] = "flagged by seeds"
    return {
        "seeds": len(lists.expected),
        "published": len(each),
        "found": int((~missed).sum()),
        "table": shown(pd.DataFrame(rows, columns=columns), formats),
        "missed": shown(each[missed].drop(columns="flagged_by").rename(columns=names), of_each),
        "count": int(missed.sum()),
        "all": shown(each[~missed].rename(columns=names), of_each),
        "outside": int((each["difference"].abs() > 2).sum()),
        "correlation": {
            kind: rows["expected"].corr(rows["published"], method="spearman") for kind, rows in each.groupby("kind")
        },
    }


def _rescoring(results: FinishedRun, detector: str) -> dict:
    table = reproduction.shape_of_rescoring(results.csv(f"experiments/rescoring/{detector}.summary.csv"))
    intervals = [
        with_interval(*v)
        for v in table[
            ["precision_gain_same_threshold", "precision_gain_same_threshold_low", "precision_gain_same_threshold_high"]
        ].to_numpy()
    ]
    names = {
        "published_alone": "YOLOv3, published",
        "published_gate": "with gate, published",
        "published_gain": "gain, published",
        "alone": f"{detector}, here",
        "gate": "with gate, here",
        "precision_gain_same_threshold": "gain, here [95 %]",
        "difference": "difference of gains / std",
    }
    beside = table.assign(precision_gain_same_threshold=intervals)[["threshold", *names]].rename(columns=names)
    return {
        "detector": detector,
        "figure": svg(reproduction_figures.rescoring_shape(table, detector), "precision against threshold"),
        "correlation": table["precision_gain_same_threshold"].corr(table["published_gain"], method="spearman"),
        "table": shown(beside, dict.fromkeys(names.values(), ".3f") | {names["difference"]: "+.2f"}),
    }
