"""Paired differences between models: the same trials, the same resamples of images."""

import numpy as np
import pandas as pd

from contextual_anomaly.stats.bootstrap import Bootstrap

SCORES = {
    "recall_at_1": lambda rank: (rank == 1).astype(float),
    "recall_at_5": lambda rank: (rank <= 5).astype(float),
    "mean_reciprocal_rank": lambda rank: 1 / rank,
}


def differences(ranks: dict[str, pd.DataFrame], reference: str, bootstrap: Bootstrap) -> pd.DataFrame:
    """How much better or worse than ``reference`` each model ranks the changed class.

    Args:
        ranks: of each model, columns experiment, image (0 … N - 1), rank; the same trials in the same order.

    Returns:
        columns experiment, metric, model, reference, difference, low, high: positive where the model is better.
    """
    base = ranks[reference]
    images = bootstrap.weights.shape[1]
    rows = []
    for model, of_model in ranks.items():
        if model == reference:
            continue
        if not (of_model[["experiment", "image"]].to_numpy() == base[["experiment", "image"]].to_numpy()).all():
            raise ValueError(f"{model}: not the trials of {reference}")
        for experiment, part in of_model.groupby("experiment", sort=False):
            against = base.loc[part.index, "rank"].to_numpy()
            image = part["image"].to_numpy()
            trials = np.bincount(image, minlength=images).astype(float)
            for metric, score in SCORES.items():
                gain = np.bincount(image, score(part["rank"].to_numpy()) - score(against), images)
                low, high = bootstrap.of_share(gain, trials)
                rows.append((experiment, metric, model, reference, gain.sum() / trials.sum(), low, high))
    columns = ["experiment", "metric", "model", "reference", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
