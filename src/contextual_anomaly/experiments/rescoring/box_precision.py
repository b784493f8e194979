"""COCO's average precision where every image has a weight, from pycocotools' own matches."""

import contextlib
import io

import numpy as np
import pandas as pd
from pycocotools.cocoeval import COCOeval

from contextual_anomaly.coco.to_pycocotools import numbered, truth_of, with_box
from contextual_anomaly.stats.weighted_counts import weighted_cumulative_counts

DETECTIONS = 100
"""Boxes of an image and class that are judged, as COCO has it."""

RECALLS = np.linspace(0, 1, 101)
"""Where COCO reads precision."""


class Matches:
    """Which of D boxes match an annotated object, at each of ten overlaps, .50 to .95.

    Attributes:
        right: [10, D] bool, matched.
        ignored: [10, D] bool, neither right nor wrong: it lies in a crowd, or there are a hundred better ones.
    """

    def __init__(
        self, annotations: pd.DataFrame, categories: pd.DataFrame, detections: pd.DataFrame, image_ids: np.ndarray
    ) -> None:
        """Match as `COCOeval` does, greedily by falling score.

        Args:
            annotations, categories, detections: columns as in `tables`.
            image_ids: [N] of the images that the detector has seen.
        """
        self.images = len(image_ids)
        boxes = numbered(detections, image_ids)
        found = numbered(with_box(annotations), image_ids)
        self.image = boxes["image_id"].to_numpy()
        self.score = boxes["score"].to_numpy(np.float64)
        ids = categories["category_id"].to_numpy()
        self.column = pd.Index(ids).get_indexer(boxes["category_id"])
        self.right, ignored = np.zeros((10, len(boxes)), bool), np.ones((10, len(boxes)), bool)
        self.annotated = np.zeros((len(ids), self.images), np.float32)  # objects of each class and image, no crowds
        objects = found[~found["iscrowd"].to_numpy()]
        of_class = pd.Index(ids).get_indexer(objects["category_id"])
        np.add.at(self.annotated, (of_class, objects["image_id"].to_numpy()), 1)
        for row in self._judged(found, categories, boxes):
            if row is None:
                continue
            # Results are numbered from one, in the order that they were given.
            at = np.array(row["dtIds"], int) - 1
            self.right[:, at] = (row["dtMatches"] > 0) & (row["dtIgnore"] == 0)
            ignored[:, at] = row["dtIgnore"] > 0
        self.ignored = ignored

    def _judged(self, annotations, categories, boxes) -> list[dict | None]:
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            truth = truth_of(annotations, categories, range(self.images))
            columns = ["image_id", "x", "y", "width", "height", "score", "category_id"]
            if not len(boxes):
                return []
            judged = COCOeval(truth, truth.loadRes(boxes[columns].to_numpy(np.float64)), "bbox")
            judged.params.imgIds = list(range(self.images))
            judged.params.areaRng, judged.params.areaRngLbl = judged.params.areaRng[:1], ["all"]
            judged.params.maxDets = [DETECTIONS]
            judged.evaluate()
        return judged.evalImgs

    def average_precision(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """AP and AP50 [B] with ``weights`` [B, N] of the images.

        As in COCO precision is read at 101 recalls, made monotone from the right, and averaged over overlaps and over
        the classes that a resample has annotated.
        """
        of_class = []
        for column in np.flatnonzero(self.annotated.any(1)):
            mine = np.flatnonzero(self.column == column)
            # As COCO orders them: by falling score, equal ones by image.
            mine = mine[np.lexsort((self.image[mine], -self.score[mine]))]
            objects = weights @ self.annotated[column]
            of_class.append(self._of_class(mine, weights, np.where(objects > 0, objects, np.nan)))
        values = np.array(of_class)  # [classes, 10, B]
        known = np.isfinite(values[:, 0])
        overall = np.where(known[:, None], values, 0).sum(0) / np.maximum(known.sum(0), 1)
        return overall.mean(0), overall[0]

    def _of_class(self, mine: np.ndarray, weights: np.ndarray, objects: np.ndarray) -> np.ndarray:
        """[10, B] of the boxes ``mine``, in order; ``objects`` [B] are annotated, NaN where none."""
        image = self.image[mine]
        result = np.empty((10, len(weights)))
        for overlap in range(10):
            right, judged = self.right[overlap, mine], ~self.ignored[overlap, mine]
            # Precision is read at right ones only; ignored ones do not count.
            at = judged.cumsum()[right] - 1
            true = weighted_cumulative_counts(image[right], np.arange(len(at)), weights)
            every = weighted_cumulative_counts(image[judged], at, weights)
            precision = np.maximum.accumulate((true / np.maximum(every, 1))[:, ::-1], 1)[:, ::-1]
            # How many of the recalls lie at or below the one reached.
            recall = true.astype(np.float64) / np.where(np.isnan(objects), 1, objects)[:, None]
            reached = np.searchsorted(RECALLS, recall, side="right")
            result[overlap] = (precision * np.diff(reached, axis=1, prepend=0)).sum(1) / len(RECALLS)
        result[:, np.isnan(objects)] = np.nan
        return result
