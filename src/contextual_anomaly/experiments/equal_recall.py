"""What a rule that keeps some detections gains in precision over a stricter threshold that recalls as much."""

import numpy as np

from contextual_anomaly.stats.bootstrap import Bootstrap


def precision_gain(
    score: np.ndarray, annotated: np.ndarray, kept: np.ndarray, bootstrap: Bootstrap
) -> tuple[float, float, float]:
    """The rule's precision minus the detector's at the same recall, and a paired 95 % interval over images.

    In every resample the detector's precision-recall curve is read anew, at the recall that the rule has there: at the
    strictest threshold that reaches it, detections of one confidence being taken together.

    Args:
        score: [N, C] confidences.
        annotated: [N, C] bool.
        kept: [N, C] bool, what the rule keeps.

    Returns:
        gain, low, high; NaN where the rule keeps nothing that is annotated.
    """
    hits, all_kept = (kept & annotated).sum(1), kept.sum(1)
    if not hits.any():
        return np.nan, np.nan, np.nan
    # A threshold below all that the rule keeps rightly recalls as much in any resample: nothing below is needed.
    image, column = np.nonzero(score >= score[kept & annotated].min())
    order = np.argsort(-score[image, column], kind="stable")
    image, column = image[order], column[order]
    right = annotated[image, column]
    last_of_equals = np.flatnonzero(np.diff(score[image, column], append=-1) != 0)

    def gain(weights: np.ndarray) -> float:
        wanted = weights @ hits
        if not wanted:
            return np.nan
        drawn = weights[image]
        true, taken = (drawn * right).cumsum()[last_of_equals], drawn.cumsum()[last_of_equals]
        place = np.searchsorted(true, wanted)
        return wanted / (weights @ all_kept) - true[place] / taken[place]

    resampled = [gain(weights) for weights in bootstrap.weights.astype(np.float64)]
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(gain(np.ones(len(hits)))), float(low), float(high)
