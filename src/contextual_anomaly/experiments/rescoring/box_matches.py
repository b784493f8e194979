"""COCO's average precision with weights of the images, from pycocotools' own matches."""

import contextlib
import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pycocotools.cocoeval import COCOeval

from contextual_anomaly.coco.to_pycocotools import numbered, truth_of, with_box
from contextual_anomaly.stats.weighted_counts import weighted_cumulative_counts

MAX_DETECTIONS = 100
"""Boxes of an image and class that are evaluated, as COCO has it."""

OVERLAPS = 10
"""Intersection over union of .50, .55 … .95."""

RECALLS = np.linspace(0, 1, 101)
"""Where COCO reads precision."""


@dataclass(frozen=True)
class BoxMatches:
    """Which of D boxes match an annotated object at each of the ten overlaps.

    The order of rows with equal scores has no effect: such boxes are taken by category and position.
    """

    image: np.ndarray  # [D] number of the image
    column: np.ndarray  # [D] number of the class
    score: np.ndarray  # [D] float64
    order: np.ndarray  # [D] rows by image, class, falling score, position
    correct: np.ndarray  # [10, D] bool, matched
    ignored: np.ndarray  # [10, D] bool, neither correct nor wrong: in a crowd, or there are a hundred better ones
    annotated: np.ndarray  # [C, N] objects of each class and image, crowds left out

    def average_precision(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return AP and AP50, [B] each.

        As in COCO, precision is read at 101 recalls, made monotone from the right, and averaged over overlaps and over
        the classes that a resample has annotated.

        Args:
            weights: [B, N] how often each resample draws each image.
        """
        of_class = []
        for column in np.flatnonzero(self.annotated.any(1)):
            own = self.order[self.column[self.order] == column]
            # As COCO orders them: by falling score, equal ones by image.
            own = own[np.argsort(-self.score[own], kind="stable")]
            objects = weights @ self.annotated[column]
            of_class.append(self._of_class(own, weights, np.where(objects > 0, objects, np.nan)))
        values = np.array(of_class)  # [classes, 10, B]
        known = np.isfinite(values[:, 0])
        overall = np.where(known[:, None], values, 0).sum(0) / np.maximum(known.sum(0), 1)
        return overall.mean(0), overall[0]

    def _of_class(self, own: np.ndarray, weights: np.ndarray, objects: np.ndarray) -> np.ndarray:
        """Return [10, B] of the ranked boxes ``own``; ``objects`` [B] are annotated, NaN where none."""
        image = self.image[own]
        result = np.empty((OVERLAPS, len(weights)))
        for overlap in range(OVERLAPS):
            correct, counted = self.correct[overlap, own], ~self.ignored[overlap, own]
            # Precision is read at correct boxes only; ignored ones do not count.
            at = counted.cumsum()[correct] - 1
            true = weighted_cumulative_counts(image[correct], np.arange(len(at)), weights)
            every = weighted_cumulative_counts(image[counted], at, weights)
            precision = np.maximum.accumulate((true / np.maximum(every, 1))[:, ::-1], 1)[:, ::-1]
            # How many of the recalls lie at or below the one reached.
            recall = true.astype(np.float64) / np.where(np.isnan(objects), 1, objects)[:, None]
            reached = np.searchsorted(RECALLS, recall, side="right")
            result[overlap] = (precision * np.diff(reached, axis=1, prepend=0)).sum(1) / len(RECALLS)
        result[:, np.isnan(objects)] = np.nan
        return result


class BoxMatcher:
    """Matches boxes with the annotated objects of N images as `COCOeval` does, greedily by falling score.

    Matches depend on nothing but the order of boxes within an image and class. So boxes that only got new scores in the
    same order are not matched again.
    """

    def __init__(self, annotations: pd.DataFrame, categories: pd.DataFrame, image_ids: np.ndarray) -> None:
        """Index the annotations.

        Args:
            annotations: columns of `tables.ANNOTATIONS`.
            categories: columns of `tables.CATEGORIES`.
            image_ids: [N] ids of the images that the detector has run on.
        """
        self._image_ids = image_ids
        self._category_ids = categories["category_id"].to_numpy()
        found = numbered(with_box(annotations), image_ids)
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
            self._truth = truth_of(found, categories, range(len(image_ids)))
        self._annotated = np.zeros((len(categories), len(image_ids)), np.float32)
        objects = found[~found["iscrowd"].to_numpy()]
        of_class = pd.Index(self._category_ids).get_indexer(pd.Index(objects["category_id"]))
        np.add.at(self._annotated, (of_class, objects["image_id"].to_numpy()), 1)
        self._last: tuple[pd.DataFrame, BoxMatches] | None = None

    def match(self, detections: pd.DataFrame) -> BoxMatches:
        """Return the matches of boxes with columns as in `tables.DETECTIONS`; those of other images are left out."""
        boxes = numbered(detections, self._image_ids).reset_index(drop=True)
        places = boxes[["image_id", "category_id", "x", "y", "width", "height"]]
        score = boxes["score"].to_numpy(np.float64)
        keys = [boxes[name].to_numpy() for name in ("height", "width", "y", "x")]
        order = np.lexsort((*keys, -score, boxes["category_id"].to_numpy(), boxes["image_id"].to_numpy()))
        if self._last is not None:
            known, matches = self._last
            if known.equals(places) and np.array_equal(matches.order, order):
                return replace(matches, score=score)
        correct, ignored = self._matched(places.assign(score=score).iloc[order], order)
        matches = BoxMatches(
            image=boxes["image_id"].to_numpy(),
            column=pd.Index(self._category_ids).get_indexer(pd.Index(boxes["category_id"])),
            score=score,
            order=order,
            correct=correct,
            ignored=ignored,
            annotated=self._annotated,
        )
        self._last = places, matches
        return matches

    def _matched(self, ordered: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        correct, ignored = np.zeros((OVERLAPS, len(rows)), bool), np.ones((OVERLAPS, len(rows)), bool)
        if not len(rows):
            return correct, ignored
        columns = ["image_id", "x", "y", "width", "height", "score", "category_id"]
        with contextlib.redirect_stdout(io.StringIO()):
            results: Any = ordered[columns].to_numpy(np.float64)  # the stubs know of file names only
            evaluated = COCOeval(self._truth, self._truth.loadRes(results), "bbox")
            evaluated.params.imgIds = list(range(len(self._image_ids)))
            evaluated.params.areaRng, evaluated.params.areaRngLbl = evaluated.params.areaRng[:1], ["all"]
            evaluated.params.maxDets = [MAX_DETECTIONS]
            evaluated.evaluate()
        for row in evaluated.evalImgs:
            if row is None:
                continue
            # Results are numbered from one, in the order in which they were given.
            at = rows[np.array(row["dtIds"], int) - 1]
            correct[:, at] = (row["dtMatches"] > 0) & (row["dtIgnore"] == 0)
            ignored[:, at] = row["dtIgnore"] > 0
        return correct, ignored
