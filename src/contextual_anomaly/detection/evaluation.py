"""COCO's own measures of a detector, by pycocotools, from tables alone."""

import contextlib
import io

import numpy as np
import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contextual_anomaly.coco.to_pycocotools import numbered, truth_of, with_box

SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""pycocotools' twelve figures, in its order."""


def evaluate(
    annotations: pd.DataFrame, categories: pd.DataFrame, detections: pd.DataFrame, image_ids: np.ndarray
) -> pd.DataFrame:
    """Average precision and recall over the images of ``image_ids``, overall and of each class.

    Args:
        annotations, categories, detections: columns as in `tables`.
        image_ids: of the images that the detector has seen, those without any object among them.

    Returns:
        columns metric, category (empty: all of them), value (in 0 to 1; NaN where nothing of the kind is annotated),
        images and instances: how many hold such a class, and of how many objects, crowds not counted.
    """
    annotations, detections = (numbered(table, image_ids) for table in (with_box(annotations), detections))
    numbers = range(len(image_ids))
    # pycocotools prints as it goes.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = truth_of(annotations, categories, numbers)
        columns = ["image_id", "x", "y", "width", "height", "score", "category_id"]
        found = truth.loadRes(detections[columns].to_numpy(np.float64)) if len(detections) else COCO()
        judged = COCOeval(truth, found, "bbox")
        judged.params.imgIds = list(numbers)
        judged.params.catIds = categories["category_id"].tolist()
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    objects = annotations[~annotations["iscrowd"]]
    overall = pd.DataFrame({"metric": SUMMARY, "category": "", "value": judged.stats})
    overall["images"], overall["instances"] = len(image_ids), len(objects)
    return pd.concat([overall, *_of_classes(judged, objects, categories)], ignore_index=True).replace(
        {"value": {-1: np.nan}}
    )


def _of_classes(judged: COCOeval, objects: pd.DataFrame, categories: pd.DataFrame) -> list[pd.DataFrame]:
    """AP, AP50 and AR100 of each class, in the order of the classes."""
    # precision is [IoU, recall, class, area, detections], recall [IoU, class, area, detections]; area 0 is all areas,
    # the last number of detections 100. A class that is not annotated has -1 throughout.
    precision, recall = judged.eval["precision"][:, :, :, 0, -1], judged.eval["recall"][:, :, 0, -1]
    values = {"AP": precision.mean((0, 1)), "AP50": precision[0].mean(0), "AR100": recall.mean(0)}
    grouped = objects.groupby("category_id")["image_id"]
    counts = pd.DataFrame({"images": grouped.nunique(), "instances": grouped.size()})
    counts = counts.reindex(categories["category_id"], fill_value=0).reset_index(drop=True)
    return [
        pd.DataFrame({"metric": name, "category": categories["name"].to_numpy(), "value": of_class}).join(counts)
        for name, of_class in values.items()
    ]
