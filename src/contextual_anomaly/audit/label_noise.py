"""How far the audit can be trusted: errors are planted into the annotations, and it is asked to find them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from contextual_anomaly.audit.box_pairs import SAME_OBJECT, largest, pairs
from contextual_anomaly.audit.findings import OVERLOOKED, SWAPPED, Audited, audit
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking

BY = {"detector and context": (True, True), "detector": (True, False), "context": (False, True)}
"""What the audit is told: detections or not, context or not."""


def plant(audited: Audited, share: float, seed: int) -> tuple[Audited, pd.DataFrame, pd.DataFrame]:
    """Take out a share of the annotated objects, and give as many others the label of another object.

    Returns:
        what is left to be audited; the objects taken out; and of those left, in order, those with a wrong label.
        Labels are exchanged at random among the classes by how common they are, so that rarity alone tells nothing.
    """
    rng = np.random.default_rng(seed)
    inside = np.isin(audited.objects["image_id"], audited.image_ids)
    objects = audited.objects[inside].reset_index(drop=True)
    eligible = np.flatnonzero(~objects["iscrowd"].to_numpy() & (audited.columns_of(objects) >= 0))
    count = max(1, round(share * len(eligible)))
    chosen = rng.permutation(eligible)[: 2 * count]
    taken, swapped = chosen[:count], chosen[count:]
    labels = objects["category_id"].to_numpy().copy()
    given = labels[rng.choice(eligible, len(swapped))]
    labels[swapped] = given
    wrong = labels != objects["category_id"].to_numpy()  # some got their own
    planted = objects.assign(category_id=labels.astype(np.int32), wrong=wrong)
    kept = planted.drop(index=taken).reset_index(drop=True)
    return replace(audited, objects=kept.drop(columns="wrong")), objects.iloc[np.sort(taken)], kept[kept["wrong"]]


def check(audited: Audited, share: float, seed: int, resamples: int) -> pd.DataFrame:
    """Plant errors, audit with the detector, with context and with both, and say how the planted ones rank.

    An object that was taken out counts as found in a detection of its class that overlaps it by half, or, without
    a detector, in its class being expected in its image. What is not planted counts as no error, though some are.

    Returns:
        columns kind, by, measure (auroc, average_precision, precision_at_k with k planted errors), value, low, high,
        planted (errors that could be ranked), candidates.
    """
    changed, taken, wrong = plant(audited, share, seed)
    weights = Bootstrap(len(audited.image_ids), resamples, seed).weights_with_all
    rows = []
    for name, (detector, context) in BY.items():
        if detector and audited.detections is None:
            continue
        asked = replace(
            changed,
            detections=audited.detections if detector else None,
            context=audited.context if context else None,
        )
        findings = audit(asked)
        for kind, positive in ((SWAPPED, _is_in(findings, wrong)), (OVERLOOKED, _of_taken(findings, taken, audited))):
            of_kind = (findings["kind"] == kind).to_numpy()
            image = audited.rows_of(findings)[of_kind]
            score, right = findings["probability"].to_numpy()[of_kind], positive[of_kind]
            if right.any() and not right.all():
                rows += [
                    {"kind": kind, "by": name, **row, "planted": right.sum(), "candidates": len(right)}
                    for row in _measures(image, score, right, weights)
                ]
    return pd.DataFrame(rows)


def _is_in(findings: pd.DataFrame, wrong: pd.DataFrame) -> np.ndarray:
    """Which findings are of the annotations in ``wrong``."""
    return findings["annotation_id"].isin(wrong["annotation_id"]).to_numpy(bool)


def _of_taken(findings: pd.DataFrame, taken: pd.DataFrame, audited: Audited) -> np.ndarray:
    """Which findings are of an object that was taken out: by its box, or by image and class where there is no box."""
    name = audited.categories.set_index("category_id")["name"]
    taken = taken.assign(label=name.loc[taken["category_id"]].to_numpy())
    pair = pairs(findings, taken)
    same = findings["predicted_label"].to_numpy()[pair.first] == taken["label"].to_numpy()[pair.second]
    boxless = findings["x"].isna().to_numpy()
    matched = same & (boxless[pair.first] | (pair.union >= SAME_OBJECT))
    return largest(len(findings), pair.first[matched], np.ones(matched.sum())) > 0


def _measures(image: np.ndarray, score: np.ndarray, right: np.ndarray, weights: np.ndarray) -> list[dict]:
    """Measure, value and interval of one ranking; the first of ``weights`` [1 + B, N] takes every image once."""
    ranked = WeightedRanking(image, score, right, weights)
    planted = weights @ np.bincount(image, weights=right, minlength=weights.shape[1])
    measured = {
        "auroc": ranked.auroc(),
        "average_precision": ranked.average_precision(),
        "precision_at_k": ranked.precision_at_k(planted),
    }
    rows = []
    for name, values in measured.items():
        low, high = interval(values[1:])
        rows.append({"measure": name, "value": values[0], "low": low, "high": high})
    return rows
