"""Measures of a ranking of trials, and of the rank of the one class that was changed."""

import numpy as np

RANKING = ("auroc", "average_precision", "fpr_at_95_tpr", "tpr_at_5_fpr")


def ranking(positive: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """AUROC, average precision, false positive rate at 95 % and true positive rate at 5 % of the other.

    Args:
        positive: [T] bool.
        score: [T], higher where more likely positive.
    """
    # Here, because it takes 1.4 s, and the published protocol does not need it.
    from sklearn.metrics import auc, roc_curve

    fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
    # Average precision from the same curve, so that the scores are sorted once: precision is a ratio of its two rates.
    true, false = tpr * positive.sum(), fpr * (~positive).sum()
    precision = true[1:] / (true[1:] + false[1:])
    return {
        "auroc": float(auc(fpr, tpr)),
        "average_precision": float((precision * np.diff(tpr)).sum()),
        "fpr_at_95_tpr": float(np.interp(0.95, tpr, fpr)),
        "tpr_at_5_fpr": float(np.interp(0.05, fpr, tpr)),
    }


def ranking_of_counts(positive: np.ndarray, negative: np.ndarray) -> dict[str, np.ndarray]:
    """The measures of `ranking` from counts.

    Args:
        positive, negative: [B, S] how many trials have each of S scores, the highest score first.

    Returns:
        [B] each. The rates at a given other rate are read off the ROC curve, linear between its points.
    """
    zero = np.zeros((len(positive), 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        true, false = positive.cumsum(1, dtype=np.float64), negative.cumsum(1, dtype=np.float64)
        precision = true / np.maximum(true + false, 1)
        tpr, fpr = true / true[:, -1:], false / false[:, -1:]
        precise = (precision * np.diff(tpr, axis=1, prepend=0)).sum(1)
    tpr, fpr = np.hstack([zero, tpr]), np.hstack([zero, fpr])
    return {
        "auroc": np.trapezoid(tpr, fpr, axis=1),
        "average_precision": precise,
        "fpr_at_95_tpr": np.array([np.interp(0.95, t, f) for t, f in zip(tpr, fpr, strict=True)]),
        "tpr_at_5_fpr": np.array([np.interp(0.05, f, t) for t, f in zip(tpr, fpr, strict=True)]),
    }


def rank(score: np.ndarray, candidate: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rank of the target class among an image's candidates, 1 is the best; a tie counts against the model.

    Args:
        score: [T, C].
        candidate: [T, C] bool, the target among them.
        target: [T] class indices.
    """
    own = np.take_along_axis(score, target[:, None], axis=1)
    return ((score >= own) & candidate).sum(1)
