"""What a rule that keeps some detections gains in precision over a stricter threshold of the same recall."""

import numpy as np

from contextual_anomaly.array_types import Bool, Float
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.ranking import WeightedRanking


def precision_gain(
    score: Float[np.ndarray, "N C"],
    annotated: Bool[np.ndarray, "N C"],
    kept: Bool[np.ndarray, "N C"],
    bootstrap: Bootstrap,
) -> tuple[float, float, float]:
    """Return the rule's precision minus the detector's at the same recall, with a paired 95 % interval over images.

    In every resample the detector's precision is read from the curve of that resample, at the recall that the rule has
    there: at the highest threshold that reaches it, detections of equal score being taken together.

    Args:
        score: [N, C] the detector's scores.
        annotated: [N, C] bool.
        kept: [N, C] bool, what the rule keeps.
        bootstrap: over the N images.

    Returns:
        gain, low, high; NaN where the rule keeps nothing that is annotated.
    """
    if not (kept & annotated).any():
        return np.nan, np.nan, np.nan
    # A threshold below all that the rule keeps rightly recalls as much in any resample: nothing below is needed.
    image, column = np.nonzero(score >= score[kept & annotated].min())
    weights = bootstrap.weights_with_all
    hits, all_kept = weights @ (kept & annotated).sum(1), weights @ kept.sum(1)
    detector = WeightedRanking(image, score[image, column], annotated[image, column], weights)
    gain = hits / np.maximum(all_kept, 1) - detector.precision_at_hits(hits)
    return float(gain[0]), *interval(gain[1:])
