"""Both kinds of suspected errors as one ranked table."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.explanations import explanations
from contextual_anomaly.audit.overlooked import judge_absent, judge_detections
from contextual_anomaly.audit.swapped import Objects, box_shape, detected_in_place, judge_labels
from contextual_anomaly.coco.links import explorer_links
from contextual_anomaly.tables import FINDINGS

logger = logging.getLogger(__name__)

OVERLOOKED, SWAPPED = "overlooked", "swapped"
CLEARLY = 2.0
"""A swapped label is listed only if another one is so many times likelier."""
BOX = ["x", "y", "width", "height"]


@dataclass(frozen=True)
class Audited:
    """What is audited, and by what.

    Attributes:
        objects: columns of `tables.ANNOTATIONS`, sorted by image_id.
        categories, images: columns as in `tables`; images also have their split.
        image_ids: [N] ascending, of the images that are audited.
        classes: C names, those of the context model.
        detections: columns of `tables.DETECTIONS`, sorted by image_id; None where context alone judges.
        context: None where the detector alone judges.
        fold: [N] images are judged by what was fitted on those of the other folds.
        overlooked, swapped: what is believed about the share of errors before looking at the data.
        context_gain: in words, how much context knows here.
        checked: [N, C] bool, whether annotators looked for the class in the image; where they did not, no object of it
            is overlooked. None where they looked for every class in every image.
    """

    objects: pd.DataFrame
    categories: pd.DataFrame
    images: pd.DataFrame
    image_ids: np.ndarray
    classes: tuple[str, ...]
    detections: pd.DataFrame | None
    context: Context | None
    fold: np.ndarray
    overlooked: ErrorPrior
    swapped: ErrorPrior
    context_gain: str = ""
    checked: np.ndarray | None = None

    @property
    def judged_by(self) -> str:
        """The context model and the detector, as far as they judge."""
        context = [self.context.name] if self.context else []
        detector = ["the detector"] if self.detections is not None else []
        return " and ".join([*context, *detector]) or "nobody"

    def columns_of(self, table: pd.DataFrame) -> np.ndarray:
        """Return each row's class among those of the context model, -1 where it is none of them."""
        ids = self.categories.set_index("name")["category_id"].reindex(list(self.classes))
        return pd.Index(ids).get_indexer(table["category_id"].to_numpy())

    def rows_of(self, table: pd.DataFrame) -> np.ndarray:
        """Return each row's image among those audited."""
        return np.searchsorted(self.image_ids, table["image_id"])

    def judged_objects(self) -> pd.DataFrame:
        """Return the objects of the images that are audited."""
        return self.objects[np.isin(self.objects["image_id"], self.image_ids)]

    def counts(self, objects: pd.DataFrame) -> np.ndarray:
        """Return [N, C] uint16, how many of these objects each image has of each class."""
        row, column = self.rows_of(objects), self.columns_of(objects)
        counts = np.zeros((len(self.image_ids), len(self.classes)), np.uint16)
        np.add.at(counts, (row[column >= 0], column[column >= 0]), 1)
        return counts


def audit(audited: Audited, min_probability: float = 0.0) -> pd.DataFrame:
    """Return every annotation, and every detection or absent class that no annotation accounts for, as a finding.

    Args:
        audited: what is audited, and by what.
        min_probability: findings less likely than this are left out.

    Returns:
        columns of `tables.FINDINGS` without explanation, file_name and link, by falling probability; and given_column and
        predicted_column, the labels' places among the context model's classes, -1 where it has none; and odds, how many
        times likelier the predicted label is than the given one. Without a detector and without context, nothing.
    """
    objects = audited.judged_objects()
    counts = audited.counts(objects)
    findings = []
    if audited.detections is not None or audited.context is not None:
        findings.append(_swapped(audited, objects, counts, min_probability))
    if audited.detections is not None:
        findings.append(_overlooked_detections(audited, audited.detections, objects, counts, min_probability))
    elif audited.context is not None:
        findings.append(_overlooked_classes(audited, audited.context, counts, min_probability))
    if not findings:
        return _frame(audited, SWAPPED, np.zeros(0), np.zeros(0, np.int64))
    # Concatenating an empty frame is deprecated in pandas.
    joined = pd.concat([f for f in findings if len(f)] or findings[:1], ignore_index=True)
    return joined.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def _frame(audited: Audited, kind: str, probability: np.ndarray, image_id: np.ndarray, **columns) -> pd.DataFrame:
    """Return findings of one kind; what is not given in ``columns`` is not known."""
    names = np.array([*audited.classes, ""], object)
    labels = {f"{of}_column": columns.pop(f"{of}_column", np.full(len(image_id), -1)) for of in ("given", "predicted")}
    values = {
        "image_id": image_id,
        "annotation_id": pd.array([None] * len(image_id), "Int64"),
        "kind": kind,
        "given_label": names[labels["given_column"]],
        "predicted_label": names[labels["predicted_column"]],
        "probability": probability,
        **dict.fromkeys(("detector_score", "given_label_probability", "predicted_label_probability", *BOX), np.nan),
        **labels,
        "odds": np.nan,
    }
    return pd.DataFrame(values | columns)


def _swapped(audited: Audited, objects: pd.DataFrame, counts: np.ndarray, least: float) -> pd.DataFrame:
    column = audited.columns_of(objects)
    chosen = (column >= 0) & ~objects["iscrowd"].to_numpy()
    objects, column = objects[chosen], column[chosen]
    image = audited.rows_of(objects)
    seen = None
    if audited.detections is not None:
        seen = detected_in_place(objects, column, audited.detections, audited.columns_of(audited.detections))
    judged = judge_labels(
        Objects(counts, image, column, box_shape(objects, audited.images), audited.fold[image], counts),
        audited.context,
        seen,
        audited.swapped,
    )
    logger.info(f"{judged.error_rate:.2%} of the labels seem to be wrong")
    kept = judged.probability >= least
    objects = objects[kept]
    return _frame(
        audited,
        SWAPPED,
        judged.probability[kept],
        objects["image_id"].to_numpy(),
        annotation_id=objects["annotation_id"].astype("Int64").to_numpy(),
        given_column=column[kept],
        predicted_column=judged.predicted[kept],
        detector_score=judged.detector_score[kept] if seen is not None else np.nan,
        given_label_probability=judged.given_by_context[kept],
        predicted_label_probability=judged.predicted_by_context[kept],
        odds=judged.odds[kept],
        **{side: objects[side].to_numpy() for side in BOX},
    )


def _overlooked_detections(
    audited: Audited, detections: pd.DataFrame, objects: pd.DataFrame, counts: np.ndarray, least: float
) -> pd.DataFrame:
    image, column = audited.rows_of(detections), audited.columns_of(detections)
    judged = judge_detections(
        objects,
        counts,
        detections,
        image,
        column,
        audited.context,
        audited.fold[image],
        audited.overlooked,
        audited.checked,
    )
    logger.info(f"{judged.error_rate:.2%} of the objects seem to be overlooked")
    kept = judged.candidate & (judged.probability >= least)
    name = audited.categories.set_index("category_id")["name"]
    detections = detections[kept]
    return _frame(
        audited,
        OVERLOOKED,
        judged.probability[kept],
        detections["image_id"].to_numpy(),
        predicted_column=column[kept],
        predicted_label=name.loc[detections["category_id"]].to_numpy(object),
        detector_score=detections["score"].to_numpy(),
        predicted_label_probability=judged.by_context[kept],
        **{side: detections[side].to_numpy() for side in BOX},
    )


def _overlooked_classes(audited: Audited, context: Context, counts: np.ndarray, least: float) -> pd.DataFrame:
    """Without a detector: classes that context finds likely and that are nowhere annotated in the image."""
    probability, by_context = judge_absent(counts, context, audited.fold, audited.overlooked, audited.checked)
    may_be_overlooked = (counts == 0) if audited.checked is None else (counts == 0) & audited.checked
    image, column = np.nonzero(may_be_overlooked & (probability >= least))
    return _frame(
        audited,
        OVERLOOKED,
        probability[image, column],
        audited.image_ids[image],
        predicted_column=column,
        predicted_label_probability=by_context[image, column],
    )


def listed(findings: pd.DataFrame, max_issues: int) -> pd.DataFrame:
    """Return the findings that are worth a person's time: wrong labels only where another one is clearly likelier."""
    return findings[(findings["kind"] != SWAPPED) | (findings["odds"] >= CLEARLY)].head(max_issues)


def explained(audited: Audited, findings: pd.DataFrame) -> pd.DataFrame:
    """Return ``findings`` as `tables.FINDINGS`: with what context says and why, and with the image's name and link."""
    texts = np.full(len(findings), "", object)
    context = audited.context
    if context is not None and len(findings):
        image = audited.rows_of(findings)
        others = audited.counts(audited.judged_objects())[image]
        given, predicted = findings["given_column"].to_numpy(), findings["predicted_column"].to_numpy()
        swapped = np.flatnonzero(findings["kind"] == SWAPPED)
        others[swapped, given[swapped]] -= 1  # the object itself says nothing about its label

        def said(rows: np.ndarray, column: np.ndarray, name: str) -> list[str]:
            weights = context.attributions(others[rows] > 0, column[rows], image[rows])
            return explanations(weights, findings[name].to_numpy()[rows], audited.classes)

        known = np.flatnonzero(predicted >= 0)
        texts[known] = said(known, predicted, "predicted_label_probability")
        labels = zip(findings["given_label"].iloc[swapped], said(swapped, given, "given_label_probability"),
                     findings["predicted_label"].iloc[swapped], texts[swapped], strict=True)  # fmt: skip
        texts[swapped] = [f"{label}: {why}; {other}: {why_other}" for label, why, other, why_other in labels]
    about = audited.images.set_index("image_id").loc[findings["image_id"]]
    named = findings.assign(
        explanation=texts,
        file_name=about["file_name"].to_numpy(),
        link=explorer_links(about.index, about["coco_url"].fillna("")),
        split=about["split"].to_numpy(),
        original_image_id=about["original_id"].to_numpy(),
        original_annotation_id=_originals(findings, audited.objects),
    )
    return named[FINDINGS.names].reset_index(drop=True)


def _originals(findings: pd.DataFrame, objects: pd.DataFrame) -> np.ndarray:
    """Return [n] object, the annotation ids as the owner's file has them, None where they are numbers there."""
    known = objects.dropna(subset="original_id")
    original = dict(zip(known["annotation_id"], known["original_id"], strict=True))
    return np.array([original.get(annotation) for annotation in findings["annotation_id"]], object)
