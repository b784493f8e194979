"""How far the audit can be trusted: errors are planted into the annotations, and the audit is to find them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from contextual_anomaly.audit.findings import OVERLOOKED, SWAPPED, Audited, audit
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.box_pairs import SAME_OBJECT, box_pairs, largest
from contextual_anomaly.stats.ranking import WeightedRanking

BY = {"detector and context": (True, True), "detector": (True, False), "context": (False, True)}
"""What the audit is given: detections or not, context or not."""
LISTED = 0.5
"""From this probability on a finding counts as listed: it is more likely an error than not."""


def plant(audited: Audited, share: float, seed: int) -> tuple[Audited, pd.DataFrame, pd.DataFrame]:
    """Take out a share of the annotated objects, and give as many others the label of another object.

    Labels are exchanged at random among the classes by how common they are, so that rarity alone tells nothing.

    Returns:
        what is left to be audited; the objects taken out; and of those left, in order, those with a wrong label.
    """
    rng = np.random.default_rng(seed)
    objects = audited.judged_objects().reset_index(drop=True)
    eligible = np.flatnonzero(~objects["iscrowd"].to_numpy() & (audited.columns_of(objects) >= 0))
    count = max(1, round(share * len(eligible)))
    chosen = rng.permutation(eligible)[: 2 * count]
    taken, swapped = chosen[:count], chosen[count:]
    labels = objects["category_id"].to_numpy().copy()
    given = labels[rng.choice(eligible, len(swapped))]
    labels[swapped] = given
    wrong = labels != objects["category_id"].to_numpy()  # some got their own
    planted = objects.assign(category_id=labels.astype(np.int32), wrong=wrong)
    kept = planted[~np.isin(np.arange(len(planted)), taken)].reset_index(drop=True)
    return replace(audited, objects=kept.drop(columns="wrong")), objects.iloc[np.sort(taken)], kept[kept["wrong"]]


def evaluate(audited: Audited, share: float, seed: int, n_resamples: int) -> pd.DataFrame:
    """Plant errors, audit with the detector, with context and with both, and measure how the planted ones rank.

    An object that was taken out counts as found in a detection of its class that overlaps it by half, or, without
    a detector, in its class being listed for its image. What is not planted counts as no error, though some are.

    Returns:
        columns kind, by, measure, value, low, high, planted (errors that could be ranked), candidates. Measures: auroc,
        average_precision, precision_at_k with k planted errors, listed (findings of probability 0.5 or more),
        precision_of_listed (share of planted ones among them), and expected_of_listed (their mean probability).
    """
    changed, taken, wrong = plant(audited, share, seed)
    bootstrap = Bootstrap(len(audited.image_ids), n_resamples, seed)
    rows = []
    for name, (detector, context) in BY.items():
        if (detector and audited.detections is None) or (context and audited.context is None):
            continue
        findings = audit(
            replace(
                changed,
                detections=audited.detections if detector else None,
                context=audited.context if context else None,
            )
        )
        for kind, positive in ((SWAPPED, _is_in(findings, wrong)), (OVERLOOKED, _of_taken(findings, taken, audited))):
            of_kind = (findings["kind"] == kind).to_numpy()
            image = audited.rows_of(findings)[of_kind]
            probability, right = findings["probability"].to_numpy()[of_kind], positive[of_kind]
            if right.any() and not right.all():
                rows += [
                    {"kind": kind, "by": name, **row, "planted": right.sum(), "candidates": len(right)}
                    for row in _measures(image, probability, right, bootstrap)
                ]
    columns = ["kind", "by", "measure", "value", "low", "high", "planted", "candidates"]
    return pd.DataFrame(rows, columns=columns)


def _is_in(findings: pd.DataFrame, wrong: pd.DataFrame) -> np.ndarray:
    """Return which findings are of the annotations in ``wrong``."""
    return findings["annotation_id"].isin(wrong["annotation_id"]).to_numpy(bool)


def _of_taken(findings: pd.DataFrame, taken: pd.DataFrame, audited: Audited) -> np.ndarray:
    """Return which findings are of an object that was taken out: by its box, or by image and class where there is none."""
    name = audited.categories.set_index("category_id")["name"]
    labels = name.loc[taken["category_id"]].to_numpy()
    pair = box_pairs(findings, taken)
    same = findings["predicted_label"].to_numpy()[pair.first] == labels[pair.second]
    boxless = findings["x"].isna().to_numpy()
    matched = same & (boxless[pair.first] | (pair.iou >= SAME_OBJECT))
    return largest(len(findings), pair.first[matched], np.ones(matched.sum())) > 0


def _measures(image: np.ndarray, probability: np.ndarray, right: np.ndarray, bootstrap: Bootstrap) -> list[dict]:
    """Return measure, value and interval of one ranking."""
    weights = bootstrap.weights_with_all  # first every image once
    ranked = WeightedRanking(image, probability, right, weights)
    count = partial(np.bincount, image, minlength=weights.shape[1])
    above = probability >= LISTED
    listed, found, expected = (weights @ count(weights=of * above) for of in (np.ones(len(image)), right, probability))
    with np.errstate(invalid="ignore"):
        measured = {
            "auroc": ranked.auroc(),
            "average_precision": ranked.average_precision(),
            "precision_at_k": ranked.precision_at_k(weights @ count(weights=right)),
            "listed": listed,
            "precision_of_listed": found / listed,
            "expected_of_listed": expected / listed,
        }
    rows = []
    for name, values in measured.items():
        if np.isnan(values[0]):  # nothing is listed
            continue
        low, high = interval(values[1:])
        rows.append({"measure": name, "value": values[0], "low": low, "high": high})
    return rows
