"""Compare a context model of your own with the models of a run, by the corrected protocol.

The model here is small on purpose: the log-odds of a class are those of its frequency, plus the mean pointwise mutual
information with the other classes of the scene. Replace `MutualInformation` by yours; all it needs is `log_odds`.

Run `make run` first, then: python examples/compare_your_model.py
"""

import argparse
from pathlib import Path

import numpy as np

import contextual_anomaly as ca
from contextual_anomaly.experiments import corrected
from contextual_anomaly.experiments.differences import compare_models
from contextual_anomaly.models.base import Conditional, Variant


class MutualInformation(Conditional):
    """The frequency of each class, and how much more often two classes meet than by chance."""

    family = name = "mutual_information"
    variants = (Variant(),)

    def __init__(self, scenes: ca.Scenes, smoothing: float = 10.0):
        """Count the classes of the training scenes, and the pairs of classes."""
        presence = scenes.presence.astype(np.float64)
        share = (presence.sum(axis=0) + 1) / (len(presence) + 2)
        by_chance = np.outer(share, share) * len(presence)
        self.classes = scenes.classes
        self.bias = np.log(share / (1 - share))
        self.information = np.log((presence.T @ presence + smoothing) / (by_chance + smoothing))
        np.fill_diagonal(self.information, 0)  # a class says nothing about itself

    def log_odds(self, presence, geometry=None):
        """Return the log-odds of each class given the others, float32 [1, N, C]."""
        others = presence.sum(axis=1, keepdims=True) - presence
        mean = presence @ self.information / np.maximum(others, 1)
        return (self.bias + mean)[None].astype(np.float32)


def main() -> None:
    """Print one line a model and experiment, and the differences from your model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--models", nargs="+", default=["frequency", "mixture"], help="names of its models to compare")
    parser.add_argument("--n-resamples", type=int, default=1000, help="resamples of the bootstrap")
    arguments = parser.parse_args()

    train = ca.read_scenes(arguments.run / "scenes" / "train.parquet")
    val = ca.read_scenes(arguments.run / "scenes" / "val.parquet")
    models = {"yours": MutualInformation(train)}
    models |= {name: ca.load_model(arguments.run / "models" / f"{name}.safetensors") for name in arguments.models}

    trials = {}
    for name, model in models.items():
        results = corrected.run(model, val, train.frequency, n_resamples=arguments.n_resamples)
        trials[name] = results.trials
        first = results.summary.query("metric == 'recall_at_1'")
        for row in first.itertuples():
            print(f"{name:<12} {row.experiment:<24} first {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]")
    print("\nBetter (+) or worse (-) than yours, on the same trials:")
    differences = compare_models(trials, "yours", arguments.n_resamples).query("metric == 'recall_at_1'")
    for row in differences.itertuples():
        print(f"{row.model:<12} {row.experiment:<24} {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]")


if __name__ == "__main__":
    main()
