"""Features of boxes for the network that rescores them, as arrays of a fixed number of boxes an image."""

import numpy as np
import pandas as pd

from contextual_anomaly.stats.log_odds import logit

BOXES = 40
"""So many boxes of an image, those of the highest scores, are rescored; the others keep their score."""


def box_features(boxes: pd.DataFrame, width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the features [D, F] float32 of D boxes.

    The first is the detector's log-odds as they are. The others are standardised: the lift by context, size, shape,
    position, width, height, and rank among the boxes of the same image and class. Where the size of an image is not known,
    what is relative to it is 0, the mean of the other boxes.

    Args:
        boxes: columns of `schemas.RESCORED_BOXES`.
        width: [D] of each box's image, in pixels; 0 where it is not known.
        height: [D] of each box's image, in pixels; 0 where it is not known.
    """
    known = (width > 0) & (height > 0)
    width, height = np.where(known, width, np.nan), np.where(known, height, np.nan)
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
    features = np.stack(columns, 1).astype(np.float32)
    if not known.all():
        mean = features[known].mean(0) if known.any() else np.zeros(features.shape[1], np.float32)
        features[~known] = np.where(np.isnan(features[~known]), mean, features[~known])
    spread = features[:, 1:].std(0)
    features[:, 1:] = (features[:, 1:] - features[:, 1:].mean(0)) / np.where(spread > 0, spread, 1)
    return features


class Slots:
    """The places of D boxes in an array [N, BOXES]: by falling score, as far as there is room."""

    def __init__(self, image: np.ndarray, score: np.ndarray, n_images: int) -> None:
        """Give each box a place.

        Args:
            image: [D] number of each box's image.
            score: [D].
            n_images: N.
        """
        place = pd.Series(score).groupby(image).rank(ascending=False, method="first").to_numpy(int) - 1
        self.inside = place < BOXES
        self._image, self._place = image[self.inside], place[self.inside].astype(np.intp)
        self.n_images = n_images

    def by_image(self, values: np.ndarray) -> np.ndarray:
        """Return values [D, ...] as [N, BOXES, ...], zero where there is no box."""
        result = np.zeros((self.n_images, BOXES, *values.shape[1:]), values.dtype)
        result[self._image, self._place] = values[self.inside]
        return result

    def by_box(self, values: np.ndarray) -> np.ndarray:
        """Return values [N, BOXES] as [D], zero for boxes that had no room."""
        result = np.zeros(len(self.inside), values.dtype)
        result[self.inside] = values[self._image, self._place]
        return result
