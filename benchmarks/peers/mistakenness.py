"""Peer: the mistakenness of FiftyOne Brain by its published formulas, which need no more than confidence and overlap.

python mistakenness.py BOXES.npz SCORES.npz

Detections are matched to annotations by falling confidence, whatever their classes, where they overlap by half (IoU). With m = 1
where the classes differ and -1 where they agree, mistakenness is (m · confidence + 1) / 2; that of the place is
(confidence · (2 i - 1) + 1) / 2 with i = 2 (1 - IoU). An annotation without a match is possibly spurious, and a detection without
one, of confidence above 0.95, possibly missing; among those the more confident come first here. Files as of objectlab.py.
"""

import sys

import numpy as np

IOU, MISSING = 0.5, 0.95


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return [n, m] intersection over union of boxes x1, y1, x2, y2."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(2)
    area = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return shared / np.maximum(area[0][:, None] + area[1][None] - shared, 1e-12)


def main() -> None:
    """Read, score, write."""
    given, target = sys.argv[1:]
    boxes = dict(np.load(given))
    size = len(boxes["image"])
    result = {kind: np.full(size, -1.0) for kind in ("swapped", "misplaced")}
    result |= {"spurious": np.ones(size), "overlooked": np.full(len(boxes["detected_image"]), -1.0)}
    confidence = boxes["detected_score"]
    for image in range(int(boxes["images"])):
        annotated = np.flatnonzero(boxes["image"] == image)
        detected = np.flatnonzero(boxes["detected_image"] == image)
        detected = detected[np.argsort(-confidence[detected], kind="stable")]
        iou = overlaps(boxes["detected_box"][detected], boxes["box"][annotated])
        free = np.ones(len(annotated), bool)
        for row, at in enumerate(detected):
            allowed = np.where(free, iou[row], 0)
            best = int(allowed.argmax()) if len(allowed) else 0
            if not len(allowed) or allowed[best] < IOU:
                if confidence[at] > MISSING:
                    result["overlooked"][at] = confidence[at]
                continue
            free[best] = False
            match = annotated[best]
            m = 1 if boxes["label"][match] != boxes["detected_label"][at] else -1
            result["swapped"][match] = (m * confidence[at] + 1) / 2
            far = (1 - iou[row, best]) / (1 - IOU)
            result["misplaced"][match] = (confidence[at] * (2 * far - 1) + 1) / 2
            result["spurious"][match] = 0
    np.savez(target, **result)


if __name__ == "__main__":
    main()
