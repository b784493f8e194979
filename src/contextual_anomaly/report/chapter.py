"""The chapter on the published results: beside ours, and what was found out about them. Only for COCO."""

import pandas as pd

from contextual_anomaly.report import reproduction, reproduction_figures
from contextual_anomaly.report.findings import LONGER, PUBLISHED, UNITS, Findings
from contextual_anomaly.report.html_tables import shown
from contextual_anomaly.report.results import Results
from contextual_anomaly.report.style import svg

HEADINGS = {
    "published_std": "± std",
    "published_trials": "its trials",
    "ours_low": "lowest seed",
    "ours_high": "highest seed",
    "ours_std": "± std of seeds",
    "trials": "our trials",
    "difference": "difference / std",
}
FORMATS = {
    "published": ".1f", "± std": ".1f", "its trials": ",.0f", "ours": ".1f", "lowest seed": ".1f", "highest seed": ".1f",
    "± std of seeds": ".1f", "our trials": ",.0f", "difference / std": "+.2f",
}  # fmt: skip


def chapter(results: Results, published: pd.DataFrame, corrected: pd.DataFrame) -> dict | None:
    """What the template shows; nothing where the original was not trained."""
    if PUBLISHED not in results.sweeps:
        return None
    table = reproduction.beside_published(published, PUBLISHED)
    if table.empty:
        return None
    inside = table[table["d"].between(6, 15)]
    injection = ~inside["part"].str.startswith("remove")
    findings = Findings(results, published, corrected)
    epochs = {name: int(results.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER) if name in results.sweeps}
    overview = reproduction_figures.findings(findings.published, corrected, epochs, UNITS)
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
        },
        "selection": _selection(results),
        "anomalies": _anomalies(results),
        "rescoring": [_rescoring(results, name) for name in results.detectors],
        "findings": findings.all(),
        "findings_figure": svg(overview, "four findings: what the published measure hides, against d"),
    }


def _selection(results: Results) -> dict:
    """What one unit more brings, by which the original chose ten."""
    history = results.history(PUBLISHED)
    last = history[history["epoch"] == history["epoch"].max()]
    loss = last.groupby("bottleneck")["val_loss"].agg(["mean", "std"])
    fall = -loss["mean"].diff() / loss.index.to_series().diff()
    table = pd.DataFrame({"d": loss.index, "validation loss": loss["mean"], "± std of seeds": loss["std"]})
    table["falls by, a unit"] = fall
    table["of what one unit brings at first, %"] = 100 * fall / fall.dropna().iloc[0] if len(fall) > 1 else float("nan")
    return shown(
        table,
        {"validation loss": ".4f", "± std of seeds": ".4f", "falls by, a unit": ".5f", table.columns[-1]: ".0f"},
    )


def _anomalies(results: Results) -> dict | None:
    """How many of the published flags our autoencoders of that size raise, and which none does."""
    model = results.model(PUBLISHED)
    if UNITS not in [member.bottleneck for member in model.members]:
        return None
    flags = reproduction.anomalies_beside_published(model, results.scenes["val"], UNITS)
    if flags.empty:  # another split than the published one
        return None
    rows = []
    for kind, of_kind in [*flags.groupby("kind", sort=False), ("both", flags)]:
        count, seeds = of_kind["flagged_by"], int(of_kind["seeds"].max())
        rows.append((kind, len(of_kind), count.sum() / seeds, (count > 0).sum(), (count == seeds).sum()))
    columns = ["kind", "published", "a seed finds, on average", "at least one of them finds", "every one finds"]
    missed = flags[flags["flagged_by"] == 0]
    closest = missed["expected"].where(missed["kind"] == "unexpected", 1 - missed["expected"]).sort_values().index
    missed = missed.loc[closest]
    return {
        "seeds": int(flags["seeds"].max()),
        "table": shown(pd.DataFrame(rows, columns=columns), {columns[2]: ".1f"}),
        "missed": shown(
            missed[["image_id", "kind", "category", "expected"]].rename(columns={"expected": "expected, median"}),
            {"expected, median": ".4f"},
        ),
        "count": len(missed),
    }


def _rescoring(results: Results, detector: str) -> dict:
    table = reproduction.shape_of_rescoring(results.csv(f"experiments/rescoring/{detector}.summary.csv"))
    names = {
        "published_alone": "YOLOv3, published",
        "published_gate": "with gate, published",
        "published_rise": "rise, published",
        "alone": f"{detector}, here",
        "gate": "with gate, here",
        "rise": "rise, here",
    }
    return {
        "detector": detector,
        "figure": svg(reproduction_figures.rescoring_shape(table, detector), "precision against threshold"),
        "correlation": table["rise"].corr(table["published_rise"], method="spearman"),
        "table": shown(table.rename(columns=names), dict.fromkeys(names.values(), ".3f")),
    }
