"""The published figures beside ours, and what the reproduction shows about them. Only for COCO."""

import pandas as pd

from contextual_anomaly.coco.links import EXPLORE
from contextual_anomaly.report.chapters.training import last_epoch, losses
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import intervals, rows_of
from contextual_anomaly.report.html_tables import Table, html_table, linked
from contextual_anomaly.report.reproduction import comparison
from contextual_anomaly.report.reproduction.anomaly_lists import CODE, LIST, AnomalyLists
from contextual_anomaly.report.reproduction.claims import LONGER, PUBLISHED, UNITS, Claims
from contextual_anomaly.report.reproduction.claims_figure import plot_claims
from contextual_anomaly.report.reproduction.published_figures import UNSEEN_BY_DARKNET, VAL2017_IMAGES
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


def chapter(run: FinishedRun, published: pd.DataFrame, corrected: pd.DataFrame) -> dict | None:
    """Return what the template shows; None where the original was not trained.

    Args:
        run: The finished run.
        published: `tables.SUMMARY` of the published protocol.
        corrected: `tables.SUMMARY` of the corrected protocol.
    """
    if PUBLISHED not in run.sweeps:
        return None
    table = comparison.beside_published(published, PUBLISHED)
    if table.empty:
        return None
    inside = table[table["d"].between(6, 15)]
    injection = ~inside["experiment"].str.startswith("remove")
    claims = Claims(run, published, corrected)
    epochs = {name: int(run.history(name)["epoch"].max()) for name in (PUBLISHED, LONGER) if name in run.sweeps}
    return {
        "seeds": run.history(PUBLISHED)["seed"].nunique(),
        "figure": svg(comparison.plot_beside_published(table), "published and reproduced shares found, against d"),
        "experiments": [
            (name, _with_headings(rows.drop(columns="experiment")))
            for name, rows in table.groupby("experiment", sort=False)
        ],
        "most": _with_headings(comparison.most_beside_published(published, PUBLISHED)),
        "largest": {
            "injection": inside[injection]["difference"].abs().max(),
            "removal": inside[~injection]["difference"].abs().max(),
            "removal_of_both": inside[~injection]["of_both"].abs().max(),
        },
        "selection": _selection(run),
        "anomalies": _anomalies(run),
        "rescoring": [_rescoring(run, name) for name in run.detectors],
        "darknet": {"unseen": UNSEEN_BY_DARKNET, "seen": VAL2017_IMAGES - UNSEEN_BY_DARKNET},
        "claims": claims.all(),
        "claims_figure": svg(plot_claims(claims, epochs), "the claims about the original, a panel each"),
    }


def _with_headings(table: pd.DataFrame) -> Table:
    return html_table(table.rename(columns=HEADINGS), FORMATS)


def _selection(run: FinishedRun) -> dict:
    """Return what one more unit brings, by which the original chose ten."""
    history = run.history(PUBLISHED)
    loss = last_epoch(history).groupby("bottleneck")["val_loss"].agg(["mean", "std"])
    fall = -loss["mean"].diff() / loss.index.to_series().diff()
    share = "in % of the first fall"
    table = pd.DataFrame({"d": loss.index, "validation loss": loss["mean"], "± std of seeds": loss["std"]})
    table["fall per unit"] = fall
    table[share] = 100 * fall / fall.dropna().iloc[0] if len(fall) > 1 else float("nan")
    formats = {"validation loss": ".4f", "± std of seeds": ".4f", "fall per unit": ".5f", share: ".0f"}
    return {
        "figure": svg(losses(history), "the three plots from which the original chose ten units"),
        "table": html_table(table, formats),
    }


def _anomalies(run: FinishedRun) -> dict | None:
    """Return how many of the published flags our autoencoders of that size raise, and which none of them raises."""
    model = run.model(PUBLISHED)
    if UNITS not in [variant.bottleneck for variant in model.variants]:
        return None
    lists = AnomalyLists.of(model, run.scenes["val"], UNITS)
    if lists.flags.empty:  # another split than the published one
        return None
    rows = []
    for at in (LIST, CODE):
        for count in rows_of(lists.counts(at)):
            found = 100 * count.found / count.published if count.published else float("nan")
            bounds = f"{at.unexpected_below:g}, {at.missing_above:g}"
            rows.append((bounds, *count[:-1], found, 100 * count.other_seed))
    columns = [
        "below, above", "kind", "published flags", "ours, by a seed", "published flags found by a seed",
        "by at least one seed", "by every seed", "found by a seed, %", "flags that two seeds share, %",
    ]  # fmt: skip
    formats = {columns[3]: ".1f", columns[4]: ".1f", columns[7]: ".0f", columns[8]: ".0f"}
    each = lists.each(LIST)
    surprise = each["output"].where(each["kind"] == "unexpected", 1 - each["output"])
    each = each.assign(surprise=surprise).sort_values("surprise", kind="stable").drop(columns="surprise")
    each["image_id"] = [linked(EXPLORE + str(image), str(image)) for image in each["image_id"]]
    missed = each["flagged_by"] == 0
    names = {
        "image_id": "image",
        "category": "class",
        "published": "published output",
        "output": "our output, median",
        "difference": "difference / std of seeds",
        "flagged_by": "flagged by seeds",
    }
    of_each = {
        "published output": ".6f",
        "our output, median": ".6f",
        "difference / std of seeds": "+.1f",
        "flagged by seeds": "d",
    }
    return {
        "seeds": len(lists.output),
        "published": len(each),
        "found": int((~missed).sum()),
        "table": html_table(pd.DataFrame(rows, columns=columns), formats),
        "missed": html_table(each[missed].drop(columns="flagged_by").rename(columns=names), of_each),
        "count": int(missed.sum()),
        "all": html_table(each[~missed].rename(columns=names), of_each),
        "outside": int((each["difference"].abs() > 2).sum()),
        "correlation": {
            kind: rows["output"].corr(rows["published"], method="spearman") for kind, rows in each.groupby("kind")
        },
    }


def _rescoring(run: FinishedRun, detector: str) -> dict:
    table = comparison.shape_of_rescoring(run.csv(f"experiments/rescoring/{detector}.summary.csv"))
    gain = comparison.GAIN
    names = {
        "published_alone": "YOLOv3, published",
        "published_gate": "with gate, published",
        "published_gain": "gain, published",
        "alone": f"{detector}, here",
        "gate": "with gate, here",
        gain: "gain, here [95 %]",
        "difference": "difference of gains / std",
    }
    beside = table.assign(**{gain: intervals(table, gain, f"{gain}_low", f"{gain}_high")})
    beside = beside[["threshold", *names]].rename(columns=names)
    return {
        "detector": detector,
        "figure": svg(comparison.plot_shape_of_rescoring(table, detector), "precision against threshold"),
        "correlation": table[gain].corr(table["published_gain"], method="spearman"),
        "table": html_table(beside, dict.fromkeys(names.values(), ".3f") | {names["difference"]: "+.2f"}),
    }
