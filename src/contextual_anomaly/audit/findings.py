"""Suspected errors of all kinds as one ranked table."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from contextual_anomaly.audit.annotated import CLASSES, GROUPS, Evidence, JudgedObjects, gather, judge_objects
from contextual_anomaly.audit.company import Company, scene_objects
from contextual_anomaly.audit.context import Context
from contextual_anomaly.audit.error_rates import ErrorPrior
from contextual_anomaly.audit.explanations import explanations, reasons_in_words
from contextual_anomaly.audit.overlooked import EVIDENCE as OF_DETECTIONS
from contextual_anomaly.audit.overlooked import judge_absent, judge_detections
from contextual_anomaly.audit.planting import DUPLICATE, MISPLACED, OVERLOOKED, SPURIOUS, SWAPPED, Planted, plant
from contextual_anomaly.audit.swapped import EVIDENCE as OF_LABELS
from contextual_anomaly.audit.swapped import Objects, box_shape, detected_in_place, judge_labels
from contextual_anomaly.coco.links import explorer_links
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.tables import FINDINGS

logger = logging.getLogger(__name__)

CLEARLY = 2.0
"""A swapped label is listed only if another one is so many times likelier."""
NEW_BOX = [f"new_{side}" for side in BOX]
TAUGHT_SHARE = 0.05
"""Of the objects get each kind of error, to learn what such errors look like."""


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
        company: a model of objects, None without.
        seed: of the errors that are planted to learn from.
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
    company: Company | None = None
    seed: int = 0

    @property
    def judged_by(self) -> str:
        """The context model, the model of objects and the detector, as far as they judge."""
        context = [self.context.name] if self.context else []
        context += [self.company.name] if self.company else []
        detector = ["the detector"] if self.detections is not None else []
        said = [*context, *detector]
        return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said) or "nobody"

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

    def scene_objects(self, objects: pd.DataFrame) -> SceneObjects:
        """Return these objects as models of objects take them."""
        return scene_objects(objects, self.images, self.image_ids, self.categories)

    def may_be_wrong(self, objects: pd.DataFrame) -> np.ndarray:
        """Return which objects are judged one by one: no crowds, and of a class that the context model knows."""
        return (self.columns_of(objects) >= 0) & ~objects["iscrowd"].to_numpy(bool)

    def sizes_of(self, objects: pd.DataFrame) -> np.ndarray:
        """Return [n, 2] width and height of the objects' images, NaN where unknown."""
        sizes = self.images.set_index("image_id")[["width", "height"]].reindex(objects["image_id"]).to_numpy(np.float64)
        return np.where(sizes > 0, sizes, np.nan)

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
        columns of `tables.FINDINGS` without explanation, reasons, file_name and link, by falling probability; and given_column and
        predicted_column, the labels' places among the context model's classes, -1 where it has none; and odds, how many
        times likelier the predicted label is than the given one; and evidence, pairs of what was looked at and what it adds to
        the log-odds. Without a detector and without context, nothing.
    """
    objects = audited.judged_objects()
    counts = audited.counts(objects)
    findings = []
    if audited.detections is not None or audited.context is not None or audited.company is not None:
        others = _Others(audited, objects)
        findings.append(_swapped(audited, objects, counts, others, min_probability))
        findings += [others.findings(kind, min_probability) for kind in (SPURIOUS, MISPLACED, DUPLICATE)]
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
        **dict.fromkeys(("detector_score", "given_label_probability", "predicted_label_probability"), np.nan),
        **dict.fromkeys((*BOX, *NEW_BOX), np.nan),
        "twin_id": pd.array([None] * len(image_id), "Int64"),
        **labels,
        "odds": np.nan,
        "evidence": [()] * len(image_id),
    }
    return pd.DataFrame(values | columns)


def _named(names: tuple[str, ...], values: np.ndarray) -> list[tuple[tuple[str, float], ...]]:
    """Return for each row of ``values`` [n, E] the pairs of name and value."""
    return [tuple(zip(names, row, strict=True)) for row in values.tolist()]


class _Others:
    """What is wrong with annotated objects beside their labels."""

    def __init__(self, audited: Audited, objects: pd.DataFrame) -> None:
        self.audited = audited
        self.objects = objects[audited.may_be_wrong(objects)].reset_index(drop=True)
        self.evidence = self._evidence(objects)
        fold = audited.fold[audited.rows_of(self.objects)]
        prior = audited.swapped
        self.judged: JudgedObjects = judge_objects(self.evidence, fold, self._planted, prior, audited.seed)
        shares = zip(CLASSES[1:], self.judged.rates[1:], strict=True)
        logger.info(", ".join(f"{kind} {share:.2%}" for kind, share in shares) + " of the annotations, as it seems")

    def probability(self, *kinds: str) -> np.ndarray:
        """Return [K] that an object has one of these errors."""
        return self.judged.probability[:, [CLASSES.index(kind) for kind in kinds]].sum(1)

    def _planted(self, seed: int) -> tuple[Planted, Evidence, np.ndarray]:
        audited, objects = self.audited, self.audited.judged_objects()
        planted = plant(objects, audited.may_be_wrong(objects), audited.sizes_of(objects), TAUGHT_SHARE, seed)
        kept = audited.may_be_wrong(planted.objects)
        judged = planted.objects[kept]
        of_judged = Planted(judged, planted.kind[kept], planted.taken, planted.twin[kept])
        return of_judged, self._evidence(planted.objects), audited.fold[audited.rows_of(judged)]

    def _evidence(self, objects: pd.DataFrame) -> Evidence:
        """Return the evidence about those of the objects that may be wrong."""
        audited = self.audited
        chosen = audited.may_be_wrong(objects)
        judged = objects[chosen].reset_index(drop=True)
        image, column = audited.rows_of(judged), audited.columns_of(judged)
        said = []
        counts = audited.counts(objects)
        if audited.context is not None:
            others = counts[image].astype(np.int32)
            others[np.arange(len(judged)), column] -= 1
            odds = audited.context.log_odds(others > 0, image)[np.arange(len(judged)), column]
            said += [odds, odds - audited.context.base[column]]
        scenes = audited.scene_objects(objects)
        if audited.company is not None:
            log_p = audited.company.log_probabilities(scenes)[chosen].copy()
            rows = np.arange(len(judged)), scenes.column[chosen]
            own = log_p[rows]
            log_p[rows] = -np.inf
            frequency = np.bincount(rows[1], minlength=log_p.shape[1])[rows[1]] / max(len(judged), 1)
            said += [own, log_p.max(1), own - np.log(frequency)]
        company = np.stack(said, axis=1) if said else np.zeros((len(judged), 0))
        return gather(judged, audited.scene_objects(judged), company, audited.detections)

    def findings(self, kind: str, least: float) -> pd.DataFrame:
        """Return the findings of one kind."""
        audited, place = self.audited, CLASSES.index(kind)
        probability = self.judged.probability[:, place]
        kept = probability >= least
        twin = self.evidence.twin
        if kind == DUPLICATE:
            # Of two boxes around one object the likelier one goes, or the later one.
            kept &= twin >= 0
            ids = self.objects["annotation_id"].to_numpy()
            each_other = (twin >= 0) & (twin[twin] == np.arange(len(twin)))
            mine, others = probability, probability[twin]
            kept &= ~each_other | (mine > others) | ((mine == others) & (ids > ids[twin]))
        objects, columns = self.objects[kept], audited.columns_of(self.objects[kept])
        found: dict[str, np.ndarray] = {}
        if kind == MISPLACED:
            found = dict(zip(NEW_BOX, self.evidence.seen[kept].T, strict=True))
        if kind == DUPLICATE:
            found["twin_id"] = pd.array(self.objects["annotation_id"].to_numpy()[twin[kept]], "Int64")
        values = np.column_stack([self.judged.usual[kept, place], self.judged.contributions[kept, place]])
        return _frame(
            audited,
            kind,
            probability[kept],
            objects["image_id"].to_numpy(),
            annotation_id=objects["annotation_id"].astype("Int64").to_numpy(),
            given_column=columns,
            evidence=_named(("usual", *GROUPS), values),
            **{side: objects[side].to_numpy() for side in BOX},
            **found,
        )


def _swapped(
    audited: Audited, objects: pd.DataFrame, counts: np.ndarray, other_errors: _Others, least: float
) -> pd.DataFrame:
    everything = objects.reset_index(drop=True)
    chosen = audited.may_be_wrong(everything)
    objects, column = everything[chosen], audited.columns_of(everything[chosen])
    image = audited.rows_of(objects)
    seen = None
    if audited.detections is not None:
        seen = detected_in_place(objects, column, audited.detections, audited.columns_of(audited.detections))
    judged = judge_labels(
        Objects(
            counts,
            image,
            column,
            box_shape(objects, audited.images),
            audited.fold[image],
            counts,
            _labels_in_company(audited, everything, chosen),
        ),
        audited.context,
        seen,
        audited.swapped,
    )
    logger.info(f"{judged.error_rate:.2%} of the labels seem to be wrong")
    # An object that should not be there, or is another one's double, has no label to be corrected.
    probability = judged.probability * (1 - other_errors.probability(SPURIOUS, MISPLACED, DUPLICATE))
    kept = probability >= least
    objects = objects[kept]
    return _frame(
        audited,
        SWAPPED,
        probability[kept],
        objects["image_id"].to_numpy(),
        annotation_id=objects["annotation_id"].astype("Int64").to_numpy(),
        given_column=column[kept],
        predicted_column=judged.predicted[kept],
        detector_score=judged.detector_score[kept] if seen is not None else np.nan,
        given_label_probability=judged.given_by_context[kept],
        predicted_label_probability=judged.predicted_by_context[kept],
        odds=judged.odds[kept],
        evidence=_named(OF_LABELS, judged.reasons[kept]),
        **{side: objects[side].to_numpy() for side in BOX},
    )


def _labels_in_company(
    audited: Audited, objects: pd.DataFrame, chosen: np.ndarray
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what gives log P(class | box, others) of the chosen objects, given how certain their labels are."""
    company = audited.company
    if company is None:
        return None
    places = {name: a for a, name in enumerate(audited.categories["name"])}
    columns = [places[name] for name in audited.classes]

    def log_probabilities(certainty: np.ndarray) -> np.ndarray:
        certain = np.ones(len(objects))
        certain[chosen] = certainty
        found = company.log_probabilities(audited.scene_objects(objects.assign(certainty=certain)))
        return found[np.flatnonzero(chosen)[:, None], columns]

    return log_probabilities


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
        evidence=_named(OF_DETECTIONS, judged.reasons[kept]),
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

        known = np.flatnonzero(predicted >= 0)  # of overlooked objects and wrong labels
        texts[known] = said(known, predicted, "predicted_label_probability")
        labels = zip(findings["given_label"].iloc[swapped], said(swapped, given, "given_label_probability"),
                     findings["predicted_label"].iloc[swapped], texts[swapped], strict=True)  # fmt: skip
        texts[swapped] = [f"{label}: {why}; {other}: {why_other}" for label, why, other, why_other in labels]
    about = audited.images.set_index("image_id").loc[findings["image_id"]]
    named = findings.assign(
        explanation=texts,
        reasons=[
            reasons_in_words(kind, evidence)
            for kind, evidence in zip(findings["kind"], findings["evidence"], strict=True)
        ],
        suggestion=[_suggestion(row) for row in findings.itertuples()],
        file_name=about["file_name"].to_numpy(),
        link=explorer_links(about.index, about["coco_url"].fillna("")),
        split=about["split"].to_numpy(),
        original_image_id=about["original_id"].to_numpy(),
        original_annotation_id=_originals(findings, audited.objects),
    )
    return named[FINDINGS.names].reset_index(drop=True)


def _suggestion(row: Any) -> str:
    """Return in words what would put a finding right."""
    if row.kind == SWAPPED:
        return f"call it {row.predicted_label}"
    if row.kind == OVERLOOKED:
        return f"add {row.predicted_label}" + ("" if np.isnan(row.x) else " in this box")
    if row.kind == MISPLACED:
        return "take the detector's box" if not np.isnan(row.new_x) else "draw the box anew"
    return f"remove it: it is annotation {row.twin_id} again" if row.kind == DUPLICATE else "remove it"


def _originals(findings: pd.DataFrame, objects: pd.DataFrame) -> np.ndarray:
    """Return [n] object, the annotation ids as the owner's file has them, None where they are numbers there."""
    known = objects.dropna(subset="original_id")
    original = dict(zip(known["annotation_id"], known["original_id"], strict=True))
    return np.array([original.get(annotation) for annotation in findings["annotation_id"]], object)
