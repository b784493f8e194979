"""COCO's average precision with weights of the images, from boxes matched as COCO matches them."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from contextual_anomaly.coco.to_pycocotools import numbered, with_box
from contextual_anomaly.stats.boxes import BOX, shared_area
from contextual_anomaly.stats.weighted_counts import weighted_cumulative_counts

MAX_DETECTIONS = 100
"""Boxes of an image and class that are evaluated, as COCO has it."""

OVERLAPS = 10
"""Intersection over union of .50, .55 … .95."""

THRESHOLDS = np.linspace(0.5, 0.95, OVERLAPS)

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
        image, correct, counted = self.image[own], self.correct[:, own], ~self.ignored[:, own]
        # Precision is read at correct boxes only; ignored ones do not count.
        read = np.flatnonzero(correct.any(0))
        known = None
        result = np.empty((OVERLAPS, len(weights)))
        for overlap in range(OVERLAPS):
            right, of = correct[overlap], counted[overlap]
            true = weighted_cumulative_counts(image[right], np.arange(np.count_nonzero(right)), weights)
            if known is None or not np.array_equal(of, counted[overlap - 1]):  # without crowds they are the same
                known = weighted_cumulative_counts(image[of], of.cumsum()[read] - 1, weights)
            every = known[:, right[read]]
            precision = np.maximum.accumulate((true / np.maximum(every, 1))[:, ::-1], 1)[:, ::-1]
            # How many of the recalls lie at or below the one reached.
            recall = true.astype(np.float64) / np.where(np.isnan(objects), 1, objects)[:, None]
            reached = np.searchsorted(RECALLS, recall, side="right")
            result[overlap] = (precision * np.diff(reached, axis=1, prepend=0)).sum(1) / len(RECALLS)
        result[:, np.isnan(objects)] = np.nan
        return result


class BoxMatcher:
    """Matches boxes with the annotated objects of N images as `COCOeval` does, greedily by falling score.

    All images and classes are matched side by side, in a small part of COCOeval's time; a test compares the two.
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
        of_class = pd.Index(self._category_ids).get_indexer(pd.Index(found["category_id"]))
        found, of_class = found[of_class >= 0], of_class[of_class >= 0]
        crowd = found["iscrowd"].to_numpy(bool)
        self._annotated = np.zeros((len(categories), len(image_ids)), np.float32)
        np.add.at(self._annotated, (of_class[~crowd], found["image_id"].to_numpy()[~crowd]), 1)
        group = found["image_id"].to_numpy() * len(categories) + of_class
        # As COCOeval has them: those of an image and class in the order of the file, crowds last.
        order = np.lexsort((crowd, group))
        self._group, self._crowd = group[order], crowd[order]
        self._boxes = found[BOX].to_numpy(np.float64)[order]
        self._last: tuple[pd.DataFrame, BoxMatches] | None = None

    def match(self, detections: pd.DataFrame) -> BoxMatches:
        """Return the matches of boxes with columns as in `tables.DETECTIONS`; those of other images are left out."""
        boxes = numbered(detections, self._image_ids).reset_index(drop=True)
        places = boxes[["image_id", "category_id", *BOX]]
        score = boxes["score"].to_numpy(np.float64)
        keys = [boxes[name].to_numpy() for name in reversed(BOX)]
        order = np.lexsort((*keys, -score, boxes["category_id"].to_numpy(), boxes["image_id"].to_numpy()))
        if self._last is not None:
            known, matches = self._last
            if known.equals(places) and np.array_equal(matches.order, order):
                return replace(matches, score=score)
        column = pd.Index(self._category_ids).get_indexer(pd.Index(boxes["category_id"]))
        correct, ignored = np.zeros((OVERLAPS, len(boxes)), bool), np.ones((OVERLAPS, len(boxes)), bool)
        group = boxes["image_id"].to_numpy() * len(self._category_ids) + column
        corners = boxes[BOX].to_numpy(np.float64)
        correct[:, order], ignored[:, order] = self._matched(group[order], corners[order])
        matches = BoxMatches(
            image=boxes["image_id"].to_numpy(),
            column=column,
            score=score,
            order=order,
            correct=correct,
            ignored=ignored,
            annotated=self._annotated,
        )
        self._last = places, matches
        return matches

    def _matched(self, group: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whether boxes are matched, and whether they do not count, at each overlap.

        Args:
            group: [D] of each box, that of its image and class; those of a group side by side, by falling score.
            boxes: [D, 4] in the order of ``group``.
        """
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        rank = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
        first, count = (np.searchsorted(self._group, group, side) for side in ("left", "right"))
        count -= first
        box = np.repeat(np.arange(len(group)), count)
        of = np.arange(len(box)) - np.repeat(count.cumsum() - count, count) + first[box]
        overlap = _overlap(boxes[box], self._boxes[of], self._crowd[of])
        possible = (overlap >= THRESHOLDS[0]) & (rank[box] < MAX_DETECTIONS)
        # One rank after another, all groups together. Of equal overlaps COCOeval takes the later object.
        box, of, overlap = box[possible], of[possible], overlap[possible]
        turn = np.lexsort((of, overlap, box, rank[box]))
        box, of, overlap = box[turn], of[turn], overlap[turn]
        taken = np.zeros((OVERLAPS, len(self._group)), bool)
        correct = np.zeros((OVERLAPS, len(group)), bool)
        ignored = np.zeros((OVERLAPS, len(group)), bool)
        bounds = np.searchsorted(rank[box], np.arange(rank.max(initial=-1) + 2))
        for begin, end in pairwise(bounds):
            b, o, enough = box[begin:end], of[begin:end], overlap[begin:end] >= THRESHOLDS[:, None]
            crowd = self._crowd[o]
            # Pairs of a box rise in overlap, so that the last assignment is that of the best object.
            for threshold in range(OVERLAPS):
                free = enough[threshold] & ~crowd & ~taken[threshold, o]
                at = np.flatnonzero(free)
                last = at[np.flatnonzero(np.diff(b[at], append=-1))]
                correct[threshold, b[last]] = taken[threshold, o[last]] = True
                ignored[threshold, b[enough[threshold] & crowd]] = True
        ignored &= ~correct
        ignored[:, rank >= MAX_DETECTIONS] = True
        return correct, ignored


def _overlap(boxes: np.ndarray, objects: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Return the intersection over union of pairs [P, 4], of a crowd over the box alone."""
    shared = shared_area(boxes, objects)
    area = boxes[:, 2:].prod(1)
    return shared / np.where(crowd, area, area + objects[:, 2:].prod(1) - shared)
