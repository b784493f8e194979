"""How far the audit can be trusted: errors are planted into the annotations, and the audit is to find them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from contextual_anomaly.audit.findings import Audited, audit
from contextual_anomaly.audit.planting import DUPLICATE, KINDS, OVERLOOKED, Planted, plant
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.box_pairs import box_pairs, largest
from contextual_anomaly.stats.boxes import SAME_OBJECT
from contextual_anomaly.stats.ranking import WeightedRanking

BY = {"detector and context": (True, True), "detector": (True, False), "context": (False, True)}
"""What the audit is given: detections or not, context or not."""
LISTED = 0.5
"""From this probability on a finding counts as listed: it is more likely an error than not."""


def plant_into(audited: Audited, share: float, seed: int) -> tuple[Audited, Planted]:
    """Plant errors of each kind into what is audited.

    Args:
        audited: what is audited.
        share: of the objects, for each kind.
        seed: of all draws.
    """
    objects = audited.judged_objects()
    planted = plant(objects, audited.may_be_wrong(objects), audited.sizes_of(objects), share, seed)
    return replace(audited, objects=planted.objects), planted


def evaluate(audited: Audited, share: float, seed: int, n_resamples: int) -> pd.DataFrame:
    """Plant errors, audit with the detector, with context and with both, and measure how the planted ones rank.

    An object that was taken out counts as found in a detection of its class that overlaps it by half, or, without
    a detector, in its class being listed for its image. What is not planted counts as no error, though some are.

    Returns:
        columns kind, by, measure, value, low, high, planted (errors that could be ranked), candidates. Measures: auroc,
        average_precision, precision_at_k with k planted errors, listed (findings of probability 0.5 or more),
        precision_of_listed (share of planted ones among them), and expected_of_listed (their mean probability).
    """
    changed, planted = plant_into(audited, share, seed)
    bootstrap = Bootstrap(len(audited.image_ids), n_resamples, seed)
    rows = []
    for name, (detector, context) in BY.items():
        told_of_context = audited.context is not None or audited.company is not None
        if (detector and audited.detections is None) or (context and not told_of_context):
            continue
        findings = audit(
            replace(
                changed,
                detections=audited.detections if detector else None,
                context=audited.context if context else None,
                company=audited.company if context else None,
            )
        )
        # Nothing was planted into classes that the context model does not know.
        known = (findings["kind"] != OVERLOOKED) | (findings["predicted_column"] >= 0)
        findings = findings[known].reset_index(drop=True)
        for kind in KINDS:
            of_kind = findings[findings["kind"] == kind].reset_index(drop=True)
            image, probability = audited.rows_of(of_kind), of_kind["probability"].to_numpy()
            right = _positive(of_kind, planted, audited, kind)
            if right.any() and not right.all():
                rows += [
                    {"kind": kind, "by": name, **row, "planted": right.sum(), "candidates": len(right)}
                    for row in _measures(image, probability, right, bootstrap)
                ]
    columns = ["kind", "by", "measure", "value", "low", "high", "planted", "candidates"]
    return pd.DataFrame(rows, columns=columns)


def _positive(findings: pd.DataFrame, planted: Planted, audited: Audited, kind: str) -> np.ndarray:
    """Return which findings of a kind are planted."""
    if kind == OVERLOOKED:
        return _of_taken(findings, planted.taken, audited)
    wrong = planted.objects["annotation_id"].to_numpy()[planted.kind == kind]
    found = findings["annotation_id"].isin(wrong).to_numpy(bool)
    # Of two boxes around one object either may go.
    return found | findings["twin_id"].isin(wrong).to_numpy(bool) if kind == DUPLICATE else found


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
