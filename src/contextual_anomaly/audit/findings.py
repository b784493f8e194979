"""Both kinds of suspected errors as one ranked table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.audit.box_pairs import Context
from contextual_anomaly.audit.explanations import explanations
from contextual_anomaly.audit.overlooked import judge_detections
from contextual_anomaly.audit.swapped import doubt_labels
from contextual_anomaly.coco.links import EXPLORE
from contextual_anomaly.tables import FINDINGS

OVERLOOKED, SWAPPED = "overlooked", "swapped"


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
        columns of `tables.FINDINGS`, without explanation, file_name and link; and given_column and predicted_column:
        their places among the context model's classes, -1 where it has none.
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
    return joined.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


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
            "annotation_id": objects["annotation_id"].to_numpy(),
            "kind": SWAPPED,
            "given_label": names[column],
            "predicted_label": names[labels.suggested],
            "probability": labels.doubt,
            "detector_score": labels.confidence if detections is not None else np.nan,
            "given_label_probability": labels.expected[np.arange(len(column)), column],
            "predicted_label_probability": labels.expected[np.arange(len(column)), labels.suggested],
            "given_column": column,
            "predicted_column": labels.suggested,
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
            "annotation_id": pd.array([None] * len(detections), "Int64"),
            "kind": OVERLOOKED,
            "given_label": "",
            "predicted_label": name.loc[detections["category_id"]].to_numpy(),
            "probability": judged.score[kept],
            "detector_score": detections["score"].to_numpy(),
            "given_label_probability": np.nan,
            "predicted_label_probability": judged.expected[kept],
            "given_column": -1,
            "predicted_column": column[kept],
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
            "annotation_id": pd.array([None] * len(image), "Int64"),
            "kind": OVERLOOKED,
            "given_label": "",
            "predicted_label": np.array(audited.classes, object)[column],
            "probability": expected[image, column],
            "detector_score": np.nan,
            "given_label_probability": np.nan,
            "predicted_label_probability": expected[image, column],
            "given_column": -1,
            "predicted_column": column,
            **dict.fromkeys(("x", "y", "width", "height"), np.nan),
        }
    )


def explained(audited: Audited, findings: pd.DataFrame) -> pd.DataFrame:
    """``findings`` as `tables.FINDINGS`, each with what context says and why, and with its image's name and link."""
    others = audited.counts(audited.judged_objects())[audited.rows_of(findings)]
    given, predicted = findings["given_column"].to_numpy(), findings["predicted_column"].to_numpy()
    swapped = np.flatnonzero(findings["kind"] == SWAPPED)
    others[swapped, given[swapped]] -= 1  # the object itself says nothing about its label

    def said(rows: np.ndarray, column: np.ndarray, name: str) -> list[str]:
        probability = findings[name].to_numpy()[rows]
        return explanations(audited.context, others[rows] > 0, column[rows], probability, audited.classes)

    texts = np.full(len(findings), "", object)
    known = np.flatnonzero(predicted >= 0)
    texts[known] = said(known, predicted, "predicted_label_probability")
    labels = zip(findings["given_label"].iloc[swapped], said(swapped, given, "given_label_probability"),
                 findings["predicted_label"].iloc[swapped], texts[swapped], strict=True)  # fmt: skip
    texts[swapped] = [f"{label}: {why}; {other}: {why_other}" for label, why, other, why_other in labels]
    about = audited.images.set_index("image_id").loc[findings["image_id"]]
    url = about["coco_url"].to_numpy() != ""
    links = np.where(url, EXPLORE + about.index.astype(str), "")
    named = findings.assign(explanation=texts, file_name=about["file_name"].to_numpy(), link=links)
    return named[FINDINGS.names].reset_index(drop=True)
