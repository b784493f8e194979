"""A mixture of Bernoullis: K scene types, each with independent classes, fitted by EM (Dempster, Laird, Rubin 1977)."""

import json
import logging
from typing import TYPE_CHECKING, Literal

import numpy as np

from contextual_anomaly.array_types import Shaped
from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.bernoulli_mixture import BernoulliMixture
from contextual_anomaly.models.data import Fitted, TrainingData, distinct
from contextual_anomaly.models.settings import Count, Counts, Positive, Section, Seeds

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

CLASSES_IN_NAME = 3  # of a scene type


class Settings(Section):
    """Sizes to choose from, and EM."""

    family: Literal["mixture"]
    # Numbers of scene types to try; the likelihood of the held-out images chooses one.
    components: Counts = [48, 64, 96]
    # Seeds of the first scene types, one mixture each.
    seeds: Seeds = [0, 1, 2]
    # Steps of EM.
    steps: Count = 100
    # Pseudo-count: number of images, with the classes' overall shares, added to each scene type.
    smoothing: Positive = 1.0


class Mixture(BernoulliMixture):
    """A fitted mixture for each seed."""

    family = "mixture"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        seeds: list[int],
        weight: Shaped[np.ndarray, "M K"],
        probability: Shaped[np.ndarray, "M K C"],
    ) -> None:
        """Make the model of M mixtures of K scene types.

        Args:
            name: the model's name.
            classes: C class names.
            seeds: M seeds, one for each mixture.
            weight: [M, K] shares of the scene types.
            probability: [M, K, C] P(class present | scene type).
        """
        super().__init__(name, classes, tuple(Variant(seed=seed) for seed in seeds), weight, probability)

    def scene_types(self) -> "pd.DataFrame":
        """Return seed, share and characteristic classes of each scene type, the most frequent first.

        A class is characteristic where p · log(p / overall share) is large.
        """
        import pandas as pd

        rows = []
        for variant, weight, p in zip(self.variants, self.weight, self.probability, strict=True):
            information = p * np.log(p / (weight @ p))
            for k in np.argsort(-weight, kind="stable"):
                named = np.argsort(-information[k], kind="stable")[:CLASSES_IN_NAME]
                text = ", ".join(f"{self.classes[c]} {p[k, c]:.2f}" for c in named)
                rows.append((variant.seed, weight[k], text))
        return pd.DataFrame(rows, columns=["seed", "share", "classes"])

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return the mixtures."""
        seeds = [variant.seed for variant in self.variants]
        return {"seeds": json.dumps(seeds)}, {"weight": self.weight, "probability": self.probability}


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Choose the size by held-out likelihood with the first seed, and fit all seeds with that size.

    EM runs over the distinct scenes, as one compiled program for each size.
    """
    import pandas as pd

    from contextual_anomaly.models.training.mixture_em import fit_mixtures

    fitted_on, held_out = distinct(data.presence), distinct(data.held_out_presence)
    mixtures: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    rows: list[dict] = []

    def run(sizes_and_seeds: list[tuple[int, int]], title: str) -> None:
        fitted = fit_mixtures(*fitted_on, sizes_and_seeds, settings.steps, settings.smoothing, threads, title)
        for (size, seed), mixture in zip(sizes_and_seeds, fitted, strict=True):
            mixtures[size, seed] = mixture
            losses = [-_log_likelihood(*mixture, *scenes) for scenes in (fitted_on, held_out)]
            rows.append({"components": size, "seed": seed, "loss": losses[0], "val_loss": losses[1]})

    sizes = sorted(set(settings.components))
    run([(size, settings.seeds[0]) for size in sizes], f"fitting {name}, {' or '.join(map(str, sizes))} scene types")
    chosen = min(rows, key=lambda row: row["val_loss"])["components"]
    logger.info(f"{name}: {chosen} scene types give the held-out images the highest likelihood")
    if settings.seeds[1:]:
        run([(chosen, seed) for seed in settings.seeds[1:]], f"fitting {name}, the other seeds")
    weight, probability = (np.stack([mixtures[chosen, seed][i] for seed in settings.seeds]) for i in (0, 1))
    return Fitted(Mixture(name, data.classes, settings.seeds, weight, probability), pd.DataFrame(rows))


def _log_likelihood(
    weight: Shaped[np.ndarray, " K"],
    probability: Shaped[np.ndarray, "K C"],
    scenes: Shaped[np.ndarray, "U C"],
    counts: Shaped[np.ndarray, " U"],
) -> float:
    """Return the mean log-likelihood of an image in nats."""
    log_joint = np.log(weight) + scenes @ (np.log(probability) - np.log1p(-probability)).T
    log_joint += np.log1p(-probability).sum(1)
    return float(counts @ np.logaddexp.reduce(log_joint, axis=1) / counts.sum())


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Mixture:
    """Restore the model of a state."""
    classes, seeds = tuple(json.loads(metadata["classes"])), json.loads(metadata["seeds"])
    return Mixture(metadata["name"], classes, seeds, tensors["weight"], tensors["probability"])
