"""Evaluate a detector by COCO's own measures (pycocotools)."""

import contextlib
import io
from typing import Any

import numpy as np
import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contextual_anomaly.coco.to_pycocotools import numbered, truth_of, with_box
from contextual_anomaly.stats.boxes import BOX

SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""pycocotools' twelve figures, in its order."""


def evaluate(
    annotations: pd.DataFrame, categories: pd.DataFrame, detections: pd.DataFrame, image_ids: np.ndarray
) -> pd.DataFrame:
    """Compute average precision and recall, overall and of each class.

    Args:
        annotations: Rows of `tables.ANNOTATIONS`.
        categories: Rows of `tables.CATEGORIES`.
        detections: Rows of `tables.DETECTIONS`.
        image_ids: Of the images that the detector has run on, with or without objects.

    Returns:
        Columns metric, category ("": all classes), value (0 to 1; NaN where nothing of the kind is annotated), images and
        instances: how many images hold the class, and how many objects of it there are, without crowds.
    """
    annotations, detections = (numbered(table, image_ids) for table in (with_box(annotations), detections))
    numbers = range(len(image_ids))
    # pycocotools prints as it goes.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = truth_of(annotations, categories, numbers)
        columns = ["image_id", *BOX, "score", "category_id"]
        # loadRes takes an array as well as the file name of its type hint.
        results: Any = detections[columns].to_numpy(np.float64)
        found = truth.loadRes(results) if len(detections) else COCO()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.imgIds = list(numbers)
        evaluation.params.catIds = categories["category_id"].tolist()
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    objects = annotations[~annotations["iscrowd"]]
    overall = pd.DataFrame({"metric": SUMMARY, "category": "", "value": evaluation.stats})
    overall["images"], overall["instances"] = len(image_ids), len(objects)
    return pd.concat([overall, *_of_classes(evaluation, objects, categories)], ignore_index=True).replace(
        {"value": {-1: np.nan}}
    )


def _of_classes(evaluation: COCOeval, objects: pd.DataFrame, categories: pd.DataFrame) -> list[pd.DataFrame]:
    """Return AP, AP50 and AR100 of each class, in the order of the classes."""
    # precision is [IoU, recall, class, area, detections], recall [IoU, class, area, detections]; area 0 is all areas,
    # the last number of detections 100. A class that is not annotated has -1 throughout.
    precision, recall = evaluation.eval["precision"][:, :, :, 0, -1], evaluation.eval["recall"][:, :, 0, -1]
    values = {"AP": precision.mean((0, 1)), "AP50": precision[0].mean(0), "AR100": recall.mean(0)}
    grouped = objects.groupby("category_id")["image_id"]
    counts = pd.DataFrame({"images": grouped.nunique(), "instances": grouped.size()})
    counts = counts.reindex(categories["category_id"], fill_value=0).reset_index(drop=True)
    return [
        pd.DataFrame({"metric": name, "category": categories["name"].to_numpy(), "value": of_class}).join(counts)
        for name, of_class in values.items()
    ]
