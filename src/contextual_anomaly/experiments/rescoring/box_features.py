"""What the network is told of a box, as arrays of a fixed number of boxes an image."""

import numpy as np
import pandas as pd

from contextual_anomaly.stats.log_odds import logit

BOXES = 40
"""Of an image, as many of its most confident boxes are looked at; the others keep their confidence."""


def box_features(boxes: pd.DataFrame, width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """[D, F] float32: the detector's log-odds as they are, and standardised: the lift by context, size, shape, place, rank.

    Args:
        boxes: columns of `RESCORED_BOXES`.
        width, height: [D] of each box's image.
    """
    w, h = boxes["width"] / width, boxes["height"] / height
    same = boxes.groupby(["image_id", "category_id"])["score"]
    columns = [
        logit(boxes["score"]),
        boxes["lift"],
        np.log(np.sqrt(w * h) + 1e-6),
        np.log(boxes["width"] / boxes["height"]),
        (boxes["x"] + boxes["width"] / 2) / width - 0.5,
        (boxes["y"] + boxes["height"] / 2) / height - 0.5,
        w,
        h,
        np.log(same.rank(ascending=False, method="first")),
    ]
    seen = np.stack(columns, 1).astype(np.float32)
    spread = seen[:, 1:].std(0)
    seen[:, 1:] = (seen[:, 1:] - seen[:, 1:].mean(0)) / np.where(spread > 0, spread, 1)
    return seen


class Slots:
    """Where each of D boxes stands in an array [images, BOXES]: by falling confidence, as far as there is room."""

    def __init__(self, image: np.ndarray, score: np.ndarray, images: int) -> None:
        place = pd.Series(score).groupby(image).rank(ascending=False, method="first").to_numpy(int) - 1
        self.inside = place < BOXES
        self.at = image[self.inside], place[self.inside]
        self.images = images

    def laid_out(self, values: np.ndarray) -> np.ndarray:
        """[images, BOXES, ...] of values [D, ...], zero where there is no box."""
        result = np.zeros((self.images, BOXES, *values.shape[1:]), values.dtype)
        result[self.at] = values[self.inside]
        return result

    def of_boxes(self, laid_out: np.ndarray) -> np.ndarray:
        """[D] back from [images, BOXES]; zero for boxes that had no room."""
        result = np.zeros(len(self.inside), laid_out.dtype)
        result[self.inside] = laid_out[self.at]
        return result
