"""From the answer of a network to boxes in the image: thresholds, suppression, and answers that make no sense."""

from typing import NamedTuple

import numpy as np

from contextual_anomaly.detection.letterbox import Placement
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import above_threshold, box_non_max_suppression
from contextual_anomaly.errors import UserError

MANY_INVERTED = 0.1  # of the boxes of an image; a few of no confidence may be anything


class ImageBoxes(NamedTuple):
    """The boxes of one image, by falling score."""

    output: np.ndarray  # [K] index of the class among the network's outputs
    score: np.ndarray  # [K] float32
    box: np.ndarray  # [K, 4] x, y, width and height in pixels of the image
    outside: int  # boxes of which nothing lies in the image
    below_a_pixel: int  # of the K


def boxes_in_image(
    network: Network,
    name: str,
    place: Placement,
    corners: np.ndarray,
    scores: np.ndarray,
    score_threshold: float,
    nms_threshold: float,
) -> ImageBoxes:
    """Suppress overlapping boxes of one image and take the others back into the image.

    Args:
        network: What gave the answer.
        name: Of the image, for messages.
        place: Where the image lies in the network's input.
        corners: [N, 4] in pixels of the input.
        scores: [N, C].
        score_threshold: Boxes at or below it are not kept.
        nms_threshold: Intersection over union above which the weaker of two boxes of one class is suppressed.

    Raises:
        UserError: The boxes are none.
    """
    # Boxes that were not decoded have logarithms for sizes: of small boxes, below zero.
    inverted = len(corners) and ((corners[:, 2:] - corners[:, :2]) < -0.01).any(1).mean() > MANY_INVERTED
    likely = (scores > score_threshold).any(1)
    corners, scores = corners[likely], scores[likely]
    if inverted or not np.isfinite(corners).all():
        what = "have sides below zero" if inverted else "are not finite"
        raise UserError(
            f"{network.path}: boxes of {name} {what}. The file is of another family than was chosen, "
            "or decodes its boxes otherwise."
        )
    if network.family.suppresses_itself:
        corners, output, score = above_threshold(corners, scores, score_threshold)
    else:
        corners, output, score = box_non_max_suppression(corners, scores, score_threshold, nms_threshold)
    in_image = place.to_image(corners)
    size = in_image[:, 2:] - in_image[:, :2]
    inside = (size > 0).all(1)  # something of the box lies in the image
    box = np.column_stack([in_image[:, :2], size])[inside]
    below_a_pixel = int((size[inside].max(1) < 1).sum())
    return ImageBoxes(output[inside], score[inside], box, int((~inside).sum()), below_a_pixel)
