"""Paired differences between models: the same trials, the same resamples of images."""

import numpy as np
import pandas as pd

from contextual_anomaly.errors import UserError
from contextual_anomaly.stats.bootstrap import Bootstrap

METRICS = {
    "recall_at_1": lambda rank: (rank == 1).astype(float),
    "recall_at_5": lambda rank: (rank <= 5).astype(float),
    "mean_reciprocal_rank": lambda rank: 1 / rank,
}


def compare_models(
    trials: dict[str, pd.DataFrame], reference: str, n_resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return how much better or worse than ``reference`` each model ranks the changed class.

    Args:
        trials: name -> columns experiment, image_id, category_id, rank, as in `schemas.TRIALS`; the same trials in the
            same order for every model.
        reference: the model that the others are compared with.
        n_resamples: of the bootstrap over images.
        seed: of the bootstrap.

    Returns:
        columns experiment, metric, model, reference, difference, low, high: positive where the model is better.

    Raises:
        UserError: the reference is missing, or a model has other trials.
    """
    if reference not in trials:
        raise UserError(f"the reference {reference!r} is not among the models {', '.join(trials)}.")
    base = trials[reference]
    images, image = np.unique(base["image_id"], return_inverse=True)
    bootstrap = Bootstrap(len(images), n_resamples, seed)
    rows = []
    for model, of_model in trials.items():
        if model == reference:
            continue
        _require_same_trials(model, of_model, reference, base)
        for experiment in base["experiment"].unique():
            part = (base["experiment"] == experiment).to_numpy()
            ranks, against = (table["rank"].to_numpy()[part] for table in (of_model, base))
            counts = np.bincount(image[part], minlength=len(images)).astype(float)
            for metric, score in METRICS.items():
                gain = np.bincount(image[part], score(ranks) - score(against), len(images))
                low, high = bootstrap.of_share(gain, counts)
                rows.append((experiment, metric, model, reference, gain.sum() / counts.sum(), low, high))
    columns = ["experiment", "metric", "model", "reference", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _require_same_trials(model: str, trials: pd.DataFrame, reference: str, base: pd.DataFrame) -> None:
    keys = ["experiment", "image_id", "category_id"]
    if len(trials) != len(base):
        raise UserError(f"{model} has {len(trials):,} trials, {reference} has {len(base):,}: run both again.")
    if not (trials[keys].to_numpy() == base[keys].to_numpy()).all():
        raise UserError(f"{model} has other trials than {reference}: run both again.")
