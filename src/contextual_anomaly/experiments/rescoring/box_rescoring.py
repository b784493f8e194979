"""Boxes of a detector rescored in steps, cross-validated over images: by themselves, their duplicates, and their context."""

import numpy as np
import pandas as pd

from contextual_anomaly.array_types import Float, Int
from contextual_anomaly.experiments.rescoring.alternatives import alternatives, confusions
from contextual_anomaly.experiments.rescoring.box_features import Boxes, OtherBoxes, class_features, own_features
from contextual_anomaly.experiments.rescoring.box_matches import BoxMatcher
from contextual_anomaly.experiments.rescoring.box_trees import as_score, cross_validated_quality
from contextual_anomaly.models.base import WithObjects, mean_log_probability
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.boxes import BOX
from contextual_anomaly.stats.folds import assign_folds

BELOW = 2.0
"""What is subtracted from scores, so that they are below all others."""

STEPS = ("own", "duplicates", "context", "alternatives")
"""Each step knows what the ones before it know, and more."""


def run(
    detections: pd.DataFrame,
    image_ids: np.ndarray,
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    images: pd.DataFrame,
    model: WithObjects | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Rescore each box by how good it is predicted to be, in four steps.

    own: its score, class, size, shape and place. duplicates: also how it overlaps boxes of its class. context: also the boxes
    of other classes, and P(class | box, other boxes) by the object model, to which the scores of the boxes are their
    certainty; without such a model, how certain each class is elsewhere in the image. alternatives: boxes are added under
    other classes, with the quality that is predicted for them.

    Args:
        detections: columns of `tables.DETECTIONS`, all of the images ``image_ids``.
        image_ids: [N] of the images that the detector has run on, rising.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        images: columns of `tables.IMAGES`.
        model: an object model, fitted on other images; None for none.
        n_folds: parts of the images for cross-validation.
        seed: of the division into folds, and of the trees.

    Returns:
        Rows of `schemas.BOX_STEPS`.
    """
    matcher = BoxMatcher(annotations, categories, image_ids)
    matches = matcher.match(detections)
    # In this order, so that the order of rows with equal scores changes nothing.
    ordered = detections.iloc[matches.order].reset_index(drop=True)
    boxes = boxes_of(ordered, image_ids, categories, images)
    fold = assign_folds(len(image_ids), n_folds, seed)
    of_box = fold[boxes.image]
    correct, ignored = (share.mean(0)[matches.order] for share in (matches.correct, matches.ignored))
    others = OtherBoxes(boxes)
    log_probability = None if model is None else object_log_probability(model, boxes, tuple(categories["name"]))
    of_class = (
        others.score_by_class(len(categories))
        if log_probability is None
        else class_features(boxes.column, log_probability)
    )
    groups = [own_features(boxes), others.duplicates(), others.around(), of_class]
    table = ordered.copy()
    for step, known in (("own", 1), ("duplicates", 2), ("context", len(groups))):
        features = np.concatenate(groups[:known], 1)
        quality = cross_validated_quality(features, correct, 1 - ignored, boxes.column, of_box, seed)
        table[step] = as_score(quality, boxes.score)

    objects = annotations[annotations["width"].notna() & ~annotations["iscrowd"]]
    objects = objects[objects["image_id"].isin(image_ids)].sort_values("image_id", kind="stable")
    confusion = confusions(
        boxes, boxes_of(objects.assign(score=1.0), image_ids, categories, images), len(categories), fold
    )
    added = alternatives(
        boxes, confusion[of_box, boxes.column], log_probability, others.overlap_by_class(len(categories))
    )
    # Only objects that the detector's own boxes have left can be found by them.
    below = ordered.iloc[added.box].assign(
        category_id=categories["category_id"].to_numpy()[added.column],
        score=boxes.score[added.box] - BELOW,
    )
    matched = matcher.match(pd.concat([ordered, below], ignore_index=True))
    correct, ignored = (share.mean(0)[len(ordered) :] for share in (matched.correct, matched.ignored))
    quality = cross_validated_quality(added.features, correct, 1 - ignored, added.column, of_box[added.box], seed)
    table["alternatives"] = table["context"]
    found = below.assign(score=np.nan, alternatives=as_score(quality, boxes.score[added.box]))
    steps = pd.concat([table, found.reindex(columns=table.columns)], ignore_index=True)
    return steps.sort_values(["image_id", "alternatives"], ascending=[True, False], kind="stable", ignore_index=True)


def boxes_of(table: pd.DataFrame, image_ids: np.ndarray, categories: pd.DataFrame, images: pd.DataFrame) -> Boxes:
    """Return rows with a class, a box and a score as `Boxes`; rows of an image lie side by side."""
    size = images.set_index("image_id").loc[table["image_id"], ["width", "height"]].to_numpy(np.float64)
    return Boxes(
        image=np.searchsorted(image_ids, table["image_id"]),
        column=pd.Index(categories["category_id"]).get_indexer(pd.Index(table["category_id"])),
        score=table["score"].to_numpy(np.float64),
        corners=table[BOX].to_numpy(np.float64),
        sizes=np.where(size > 0, size, np.nan),
    )


def object_log_probability(model: WithObjects, boxes: Boxes, classes: tuple[str, ...]) -> Float[np.ndarray, "D C"]:
    """Return log P(class | box, the other boxes), the mean over a model's networks; NaN where the model knows no class.

    Args:
        model: the object model.
        boxes: D boxes, whose scores are their certainty.
        classes: C class names of the data set.
    """
    place = {name: a for a, name in enumerate(model.input_classes)}
    of_class: Int[np.ndarray, " C"] = np.array([place.get(name, -1) for name in classes])
    known = of_class[boxes.column] >= 0
    first = np.flatnonzero(np.diff(boxes.image[known], prepend=-1))
    numbers = boxes.image[known][first]
    objects = SceneObjects(
        offsets=np.append(first, known.sum()),
        column=of_class[boxes.column[known]],
        boxes=boxes.corners[known].astype(np.float32),
        crowd=np.zeros(known.sum(), bool),
        certainty=boxes.score[known].astype(np.float32),
        sizes=boxes.sizes[known][first].astype(np.float32),
        classes=model.input_classes,
    )
    assert len(numbers) == len(objects)
    answers = mean_log_probability(model.object_log_probabilities(objects))
    result = np.full((len(boxes.image), len(classes)), np.nan)
    answered = of_class >= 0
    result[np.ix_(known, answered)] = answers[:, of_class[answered]]
    return result
