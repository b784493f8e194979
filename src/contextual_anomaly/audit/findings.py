"""Both kinds of suspected errors as one ranked table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.audit.evidence import Context
from contextual_anomaly.audit.labels import doubt_labels
from contextual_anomaly.audit.missing import judge_detections
from contextual_anomaly.audit.reasons import reasons
from contextual_anomaly.coco.links import EXPLORE
from contextual_anomaly.tables import FINDINGS

MISSING, LABEL = "missing", "label"


@dataclass(frozen=True)
class Audited:
    """What is audited, and by what.

    Attributes:
        objects: columns of `tables.ANNOTATIONS`, sorted by image_id.
        categories, images: columns as in `tables`.
        image_ids: [N] ascending, of the images that are audited.
        detections: columns of `tables.DETECTIONS`, sorted by image_id; None where context alone judges.
        context: None where the detector alone judges.
    """

    objects: pd.DataFrame
    categories: pd.DataFrame
    images: pd.DataFrame
    image_ids: np.ndarray
    classes: tuple[str, ...]
    detections: pd.DataFrame | None
    context: Context | None
    fold: np.ndarray  # [N]

    def columns_of(self, table: pd.DataFrame) -> np.ndarray:
        """Each row's class among those of the context model, -1 where it is none of them."""
        ids = self.categories.set_index("name")["category_id"].reindex(list(self.classes))
        return pd.Index(ids).get_indexer(table["category_id"])

    def rows_of(self, table: pd.DataFrame) -> np.ndarray:
        """Each row's image among those audited."""
        return np.searchsorted(self.image_ids, table["image_id"])

    def judged_objects(self) -> pd.DataFrame:
        """Those of the images that are audited."""
        return self.objects[np.isin(self.objects["image_id"], self.image_ids)]

    def counts(self, objects: pd.DataFrame) -> np.ndarray:
        """[N, C] uint16, how many of these objects each image has of each class."""
        row, column = self.rows_of(objects), self.columns_of(objects)
        counts = np.zeros((len(self.image_ids), len(self.classes)), np.uint16)
        np.add.at(counts, (row[column >= 0], column[column >= 0]), 1)
        return counts


def audit(audited: Audited) -> pd.DataFrame:
    """Every annotation and every unaccounted detection with its score, the likeliest errors first.

    Returns:
        columns of `tables.FINDINGS`, without explanation, file_name and link; and column (of the context model's
        classes, -1 where it has none), and suggested_column.
    """
    objects = audited.judged_objects()
    column = audited.columns_of(objects)
    counts = audited.counts(objects)
    findings = [_labels(audited, objects, column, counts)]
    if audited.detections is not None:
        findings.append(_unaccounted(audited, objects, counts))
    elif audited.context is not None:
        findings.append(_expected_and_absent(audited, counts))
    joined = pd.concat(findings, ignore_index=True)
    return joined.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _labels(audited: Audited, objects: pd.DataFrame, column: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
    chosen = (column >= 0) & ~objects["iscrowd"].to_numpy()
    objects, column = objects[chosen], column[chosen]
    image = audited.rows_of(objects)
    detections = audited.detections
    detected = None if detections is None else audited.columns_of(detections)
    labels = doubt_labels(objects, counts, image, column, audited.context, detections, detected, audited.fold[image])
    names = np.array(audited.classes, object)
    return pd.DataFrame(
        {
            "image_id": objects["image_id"].to_numpy(),
            "kind": LABEL,
            "category": names[column],
            "suggested": names[labels.suggested],
            "score": labels.doubt,
            "detector": labels.confidence if detections is not None else np.nan,
            "expected": labels.expected[np.arange(len(column)), column],
            "expected_suggested": labels.expected[np.arange(len(column)), labels.suggested],
            "column": column,
            "suggested_column": labels.suggested,
            **{side: objects[side].to_numpy() for side in ("x", "y", "width", "height")},
        }
    )


def _unaccounted(audited: Audited, objects: pd.DataFrame, counts: np.ndarray) -> pd.DataFrame:
    detections = audited.detections
    image, column = audited.rows_of(detections), audited.columns_of(detections)
    judged = judge_detections(objects, counts, detections, image, column, audited.context, audited.fold[image])
    kept = judged.candidate
    name = audited.categories.set_index("category_id")["name"]
    detections = detections[kept]
    return pd.DataFrame(
        {
            "image_id": detections["image_id"].to_numpy(),
            "kind": MISSING,
            "category": name.loc[detections["category_id"]].to_numpy(),
            "suggested": "",
            "score": judged.score[kept],
            "detector": detections["score"].to_numpy(),
            "expected": judged.expected[kept],
            "expected_suggested": np.nan,
            "column": column[kept],
            "suggested_column": -1,
            **{side: detections[side].to_numpy() for side in ("x", "y", "width", "height")},
        }
    )


def _expected_and_absent(audited: Audited, counts: np.ndarray) -> pd.DataFrame:
    """Without a detector, classes that context expects and that are nowhere annotated in the image."""
    expected = audited.context.predict_proba(counts > 0)
    image, column = np.nonzero(counts == 0)
    return pd.DataFrame(
        {
            "image_id": audited.image_ids[image],
            "kind": MISSING,
            "category": np.array(audited.classes, object)[column],
            "suggested": "",
            "score": expected[image, column],
            "detector": np.nan,
            "expected": expected[image, column],
            "expected_suggested": np.nan,
            "column": column,
            "suggested_column": -1,
            **dict.fromkeys(("x", "y", "width", "height"), np.nan),
        }
    )


def explained(audited: Audited, findings: pd.DataFrame) -> pd.DataFrame:
    """``findings`` as `tables.FINDINGS`, each with what context says and why, and with its image's name and link."""
    others = audited.counts(audited.judged_objects())[audited.rows_of(findings)]
    asked, suggested = findings["column"].to_numpy(), findings["suggested_column"].to_numpy()
    doubted = np.flatnonzero(findings["kind"] == LABEL)
    others[doubted, asked[doubted]] -= 1  # the object itself says nothing about its label

    def said(rows: np.ndarray, column: np.ndarray, expected: str) -> list[str]:
        probability = findings[expected].to_numpy()[rows]
        return reasons(audited.context, others[rows] > 0, column[rows], probability, audited.classes)

    texts = np.full(len(findings), "", object)
    known = np.flatnonzero(asked >= 0)
    texts[known] = said(known, asked, "expected")
    labels = zip(findings["category"].iloc[doubted], texts[doubted], findings["suggested"].iloc[doubted],
                 said(doubted, suggested, "expected_suggested"), strict=True)  # fmt: skip
    texts[doubted] = [f"{label}: {why}; {other}: {why_other}" for label, why, other, why_other in labels]
    about = audited.images.set_index("image_id").loc[findings["image_id"]]
    url = about["coco_url"].to_numpy() != ""
    links = np.where(url, EXPLORE + about.index.astype(str), "")
    named = findings.assign(explanation=texts, file_name=about["file_name"].to_numpy(), link=links)
    return named[FINDINGS.names].reset_index(drop=True)
