"""`python cleanlab_audit.py INSTANCES.json DETECTIONS.npz`: cleanlab's label issues of object detection; prints seconds.

Reading counts, importing does not.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from cleanlab.object_detection.filter import find_label_issues


def by_image(image_ids, ids, rows):
    """Rows of each image, in the order of ``image_ids``."""
    order = np.argsort(ids, kind="stable")
    begins, ends = (np.searchsorted(ids[order], image_ids, side) for side in ("left", "right"))
    return [rows[order[begin:end]] for begin, end in zip(begins, ends, strict=True)]


start = time.perf_counter()
content = json.loads(Path(sys.argv[1]).read_text())
found = np.load(sys.argv[2])
categories = {category["id"]: number for number, category in enumerate(content["categories"])}
image_ids = np.array([image["id"] for image in content["images"]])
annotated = np.array([[a["image_id"], categories[a["category_id"]], *a["bbox"]] for a in content["annotations"]])
detected = np.stack([found[name] for name in ("category_id", "x", "y", "width", "height", "score")], 1).astype(float)
detected[:, 0] = [categories[int(number)] for number in detected[:, 0]]
for boxes, first in ((annotated, 2), (detected, 1)):  # corners, as cleanlab wants them
    boxes[:, first + 2 : first + 4] += boxes[:, first : first + 2]
labels = [
    {"bboxes": rows[:, 2:6], "labels": rows[:, 1].astype(int)}
    for rows in by_image(image_ids, annotated[:, 0].astype(int), annotated)
]
predictions = []
for rows in by_image(image_ids, found["image_id"], detected):
    of_class = np.empty(len(categories), object)
    for number in range(len(categories)):
        of_class[number] = rows[rows[:, 0] == number, 1:6].astype(np.float32)
    predictions.append(of_class)
# It wants an annotated object in every image.
kept = [i for i, label in enumerate(labels) if len(label["labels"])]
issues = find_label_issues(
    [labels[i] for i in kept], [predictions[i] for i in kept], return_indices_ranked_by_score=True
)
print(f"{len(issues)} images {time.perf_counter() - start}")
