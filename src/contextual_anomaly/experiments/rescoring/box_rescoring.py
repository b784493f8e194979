"""Boxes rescored by a network that looks at all boxes of an image, cross-validated over images."""

import numpy as np
import pandas as pd

from contextual_anomaly.experiments.rescoring.box_features import Slots, box_features
from contextual_anomaly.experiments.rescoring.box_matches import BoxMatcher
from contextual_anomaly.experiments.rescoring.box_training import cross_validated_corrections
from contextual_anomaly.stats.folds import assign_folds
from contextual_anomaly.stats.log_odds import expit, logit


def run(
    boxes: pd.DataFrame,
    image_ids: np.ndarray,
    annotations: pd.DataFrame,
    categories: pd.DataFrame,
    images: pd.DataFrame,
    weight_seeds: list[int],
    epochs: int = 20,
    n_folds: int = 5,
    seed: int = 0,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rescore each box from its score, class and geometry, and from the other boxes of its image.

    Args:
        boxes: columns of `schemas.RESCORED_BOXES`, all of the images ``image_ids``.
        image_ids: [N] of the images that the detector has run on.
        annotations: columns of `tables.ANNOTATIONS`.
        categories: columns of `tables.CATEGORIES`.
        images: columns of `tables.IMAGES`.
        weight_seeds: one network for each in every fold; their corrections are averaged.
        epochs: passes over the training images.
        n_folds: parts of the images for cross-validation.
        seed: of the division into folds.

    Returns:
        the boxes, in their order, with new scores in the column rescored; the mean training loss of the first and of the
        last epoch [2].
    """
    matches = BoxMatcher(annotations, categories, image_ids).match(boxes)
    # In this order, so that the order of rows with equal scores changes nothing.
    order = matches.order
    ordered = boxes.iloc[order]
    size = images.set_index("image_id").loc[ordered["image_id"]]
    slots = Slots(matches.image[order], matches.score[order], len(image_ids))
    correct, ignored = (share.mean(0, dtype=np.float32)[order] for share in (matches.correct, matches.ignored))
    values = (
        box_features(ordered, size["width"].to_numpy(), size["height"].to_numpy()),
        matches.column[order].astype(np.int32),
        ordered["score"].to_numpy(),
        correct,
        1 - ignored,
    )
    fold = assign_folds(len(image_ids), n_folds, seed)
    features, column, score, correct, counted = (slots.by_image(value) for value in values)
    corrections, loss = cross_validated_corrections(
        features, column, score, correct, counted, fold, len(categories), weight_seeds, epochs
    )
    rescored = np.empty(len(boxes), np.float32)
    rescored[order] = expit(logit(ordered["score"]) + slots.by_box(corrections))
    return boxes.assign(rescored=rescored), loss
