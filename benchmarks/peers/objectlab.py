"""Peer: the scores of single boxes by cleanlab's ObjectLab, with its own constants.

python objectlab.py BOXES.npz SCORES.npz

BOXES holds image, label and box (x1, y1, x2, y2) of annotated and of detected objects (the latter as detected_image and so on,
with detected_score), and the number of images and of classes. Scores written are larger for what is likelier wrong.
"""

import sys

import numpy as np
from cleanlab.object_detection.rank import (
    compute_badloc_box_scores,
    compute_overlooked_box_scores,
    compute_swap_box_scores,
)


def main() -> None:
    """Read, score, write."""
    given, target = sys.argv[1:]
    boxes = dict(np.load(given))
    images, classes = int(boxes["images"]), int(boxes["classes"])
    labels, predictions, orders = [], [], []
    for image in range(images):
        annotated = np.flatnonzero(boxes["image"] == image)
        detected = np.flatnonzero(boxes["detected_image"] == image)
        labels.append({"bboxes": boxes["box"][annotated], "labels": boxes["label"][annotated]})
        by_class = [detected[boxes["detected_label"][detected] == c] for c in range(classes)]
        predictions.append(
            np.array(
                [np.column_stack([boxes["detected_box"][of], boxes["detected_score"][of]]) for of in by_class] + [None],
                dtype=object,
            )[:-1]
        )
        orders.append((annotated, np.concatenate(by_class)))
    scores = {
        "swapped": compute_swap_box_scores(labels=labels, predictions=predictions),
        "misplaced": compute_badloc_box_scores(labels=labels, predictions=predictions),
        "overlooked": compute_overlooked_box_scores(labels=labels, predictions=predictions),
    }
    result = {}
    for kind, of_images in scores.items():
        found = np.full(len(boxes["detected_image"] if kind == "overlooked" else boxes["image"]), np.nan)
        for (annotated, detected), values in zip(orders, of_images, strict=True):
            found[detected if kind == "overlooked" else annotated] = 1 - np.asarray(values, float)
        result[kind] = np.where(np.isnan(found), -1, found)  # a box that it leaves out comes last
    np.savez(target, **result)


if __name__ == "__main__":
    main()
