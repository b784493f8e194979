"""Errors of all kinds, planted into annotations: what the audit learns from, and what it is judged by."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contextual_anomaly.stats.box_pairs import box_pairs
from contextual_anomaly.stats.boxes import BOX, iou_of_rows

OVERLOOKED, SWAPPED, SPURIOUS = "overlooked", "swapped", "spurious"
MISPLACED, DUPLICATE = "misplaced", "duplicate"
OF_ANNOTATIONS = (SWAPPED, SPURIOUS, MISPLACED, DUPLICATE)
"""Errors that an annotated object may have; one that is overlooked has no annotation."""
KINDS = (OVERLOOKED, *OF_ANNOTATIONS)
DRAWS = 30
"""Boxes that are tried for one that is misplaced as intended."""
MISPLACED_IOU = (0.1, 0.6)
"""How much of a misplaced box still overlaps the right one."""
DUPLICATE_IOU = (0.7, 0.95)
"""The same of two boxes around one object."""


@dataclass(frozen=True)
class Planted:
    """Annotations with errors.

    Attributes:
        objects: as they were, but for the errors, sorted by image_id; those that were added have new annotation ids.
        kind: [K] of the error of each of them, "" for none.
        taken: the objects that were taken out.
        twin: [K] annotation id of the object that a duplicate is a copy of, -1 for other objects.
    """

    objects: pd.DataFrame
    kind: np.ndarray
    taken: pd.DataFrame
    twin: np.ndarray


def plant(objects: pd.DataFrame, eligible: np.ndarray, sizes: np.ndarray, share: float, seed: int) -> Planted:
    """Plant errors of each kind.

    Some objects are taken out (overlooked), get the label of a random object, which may be of their own class and then is no
    error (swapped), or another box that overlaps the right one a little (misplaced); copies with almost the same box are
    added (duplicate), and objects of other images, in the same place of their image, where none of the class is (spurious).
    No object has two errors. Objects without a box, or in an image of unknown size, are taken out or swapped at most.

    Args:
        objects: annotated objects, sorted by image_id.
        eligible: [K] which of them may get errors.
        sizes: [K, 2] width and height of their images; NaN where unknown.
        share: of the eligible objects, for each kind.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    objects = objects.reset_index(drop=True)
    rows = rng.permutation(np.flatnonzero(eligible))
    count = max(1, round(share * len(rows)))
    boxes = objects[BOX].to_numpy(np.float64, copy=True)
    boxed = ~np.any(np.isnan(np.column_stack([boxes, sizes])), axis=1) & np.all(boxes[:, 2:] > 0, axis=1)
    taken, swapped, rest = rows[:count], rows[count : 2 * count], rows[2 * count :]
    rest = rest[boxed[rest]]
    misplaced, copied, givers = rest[:count], rest[count : 2 * count], rest[2 * count : 3 * count]

    labels = objects["category_id"].to_numpy().copy()
    given = labels[rng.choice(rows, len(swapped))]
    wrong = swapped[given != labels[swapped]]
    labels[swapped] = given
    moved, found = _overlapping(boxes[misplaced], sizes[misplaced], MISPLACED_IOU, (0.6, 0.7), rng)
    misplaced = misplaced[found]
    boxes[misplaced] = moved[found]
    kind = np.full(len(objects), "", object)
    kind[wrong], kind[misplaced] = SWAPPED, MISPLACED

    copies, found = _overlapping(boxes[copied], sizes[copied], DUPLICATE_IOU, (0.12, 0.12), rng)
    copied, copies = copied[found], copies[found]
    hosts = rng.permutation(np.flatnonzero(boxed))[: len(givers)]
    givers = givers[: len(hosts)]
    strange = boxes[givers] / np.tile(sizes[givers], 2) * np.tile(sizes[hosts], 2)
    changed = objects.assign(
        category_id=labels.astype(np.int32), **dict(zip(BOX, boxes.T.astype(np.float32), strict=True))
    )
    added = pd.concat(
        [_with_boxes(objects.iloc[copied], copies), _with_boxes(objects.iloc[givers], strange)], ignore_index=True
    )
    added["image_id"] = objects["image_id"].to_numpy()[np.concatenate([copied, hosts])]
    added["annotation_id"] = objects["annotation_id"].max() + 1 + np.arange(len(added))
    added["original_id"] = None
    kinds = np.array([DUPLICATE] * len(copied) + [SPURIOUS] * len(givers), object)
    twins = np.concatenate([objects["annotation_id"].to_numpy()[copied], np.full(len(givers), -1)])
    # Where there is such an object, a second one would be a duplicate, or a right annotation.
    pair = box_pairs(added, changed)
    there = changed["category_id"].to_numpy()[pair.second] == added["category_id"].to_numpy()[pair.first]
    there &= (kinds[pair.first] == SPURIOUS) & (pair.iou > MISPLACED_IOU[0])
    kept = ~np.isin(np.arange(len(added)), pair.first[there])

    left = ~np.isin(np.arange(len(objects)), taken)
    together = pd.concat([changed[left], added[kept]], ignore_index=True)
    order = np.argsort(together["image_id"].to_numpy(), kind="stable")
    all_kinds = np.concatenate([kind[left], kinds[kept]])[order]
    all_twins = np.concatenate([np.full(left.sum(), -1), twins[kept]])[order]
    return Planted(together.iloc[order].reset_index(drop=True), all_kinds, objects.iloc[np.sort(taken)], all_twins)


def _with_boxes(objects: pd.DataFrame, boxes: np.ndarray) -> pd.DataFrame:
    return objects.assign(
        **dict(zip(BOX, boxes.T.astype(np.float32), strict=True)), area=boxes[:, 2:].prod(1).astype(np.float32)
    )


def _overlapping(
    boxes: np.ndarray,
    sizes: np.ndarray,
    iou: tuple[float, float],
    spread: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes [n, 4] that overlap the given ones as much as wanted, and for which of them [n] one was found.

    Args:
        boxes: [n, 4].
        sizes: [n, 2] of their images, which they do not leave.
        iou: least and largest intersection over union.
        spread: by how much the centre moves at most, in sides of the box, and the logarithms of the sides.
        rng: for the draws.
    """
    shape = len(boxes), DRAWS, 2
    sides, center = boxes[:, None, 2:], boxes[:, None, :2] + boxes[:, None, 2:] / 2
    center = center + rng.uniform(-spread[0], spread[0], shape) * sides
    sides = sides * np.exp(rng.uniform(-spread[1], spread[1], shape))
    low, high = (np.clip(center + sign * sides / 2, 0, sizes[:, None]) for sign in (-1, 1))
    drawn = np.concatenate([low, high - low], axis=2)
    overlap = iou_of_rows(drawn.reshape(-1, 4), np.repeat(boxes, DRAWS, axis=0)).reshape(shape[:2])
    good = (overlap >= iou[0]) & (overlap <= iou[1]) & np.all(drawn[..., 2:] >= 1, axis=2)
    return drawn[np.arange(len(boxes)), good.argmax(1)], np.any(good, axis=1)
