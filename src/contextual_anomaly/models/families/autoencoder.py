"""The autoencoder: C classes -> d units, ReLU -> C classes, sigmoid; a file holds a whole sweep over d and weight seeds."""

import json
from typing import Literal

import numpy as np
from pydantic import model_validator

from contextual_anomaly.models.base import Variant
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Count, Counts, Section, Seeds
from contextual_anomaly.stats.log_odds import expit_in_place

SCENES_AT_ONCE = 2048  # bounds the [changed entries, units] arrays of one variant to some 10 MB


class Settings(Section):
    """One sweep."""

    family: Literal["autoencoder"]
    # published: as in the paper. denoising: hides classes at random and asks for the whole scene. masked: asks for the
    # hidden classes alone.
    objective: Literal["published", "denoising", "masked"]
    # Units of the hidden layer, one autoencoder each.
    bottlenecks: Counts = list(range(1, 16))
    # Seeds of the first weights and of the order of images, one autoencoder each.
    weight_seeds: Seeds = [0, 1, 2]
    # Passes over the training images.
    epochs: Count = 150
    # Images a step.
    batch_size: Count = 256
    # Whether to learn from images of a single class too, whatever scenes.minimum_classes; the original does not.
    single_class_images: bool = False
    # The autoencoder that stands for the sweep where one is wanted, with the first weight seed.
    chosen_bottleneck: Count = 10

    @model_validator(mode="after")
    def _chosen_is_trained(self) -> "Settings":
        if self.chosen_bottleneck not in self.bottlenecks:
            raise ValueError(f"chosen_bottleneck {self.chosen_bottleneck} is not among bottlenecks {self.bottlenecks}")
        return self


class Autoencoder:
    """A trained sweep, M variants.

    A variant of fewer units than the widest is padded with zeros, which change nothing.
    With ``leave_one_out`` the expectation of a class is read with that class taken out of the input, as
    P(class | the others); without, it is the original's plain reconstruction, which sees the class itself.
    """

    family = "autoencoder"

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        variants: tuple[Variant, ...],
        weights: dict[str, np.ndarray],
        leave_one_out: bool,
    ) -> None:
        self.name = name
        self.classes = classes
        self.variants = variants
        self.encoder = weights["encoder"]  # [M, C, D]
        self.encoder_bias = weights["encoder_bias"]  # [M, D]
        self.decoder = weights["decoder"]  # [M, D, C]
        self.decoder_bias = weights["decoder_bias"]  # [M, C]
        self.leave_one_out = leave_one_out

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C]: of the reconstruction, or of what it would be without each class's own evidence."""
        if self.leave_one_out:
            return self._with_own_evidence(evidence, np.zeros_like)
        return self._logits(np.asarray(evidence, np.float32))

    def predict_proba(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C]: the same as probabilities."""
        return self._probabilities(self.log_odds(evidence))

    def predict_proba_toggled(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C]: the expectation of each class, had it itself been the other way round."""
        own = np.zeros_like if self.leave_one_out else lambda own: 1 - own
        return self._probabilities(self._with_own_evidence(evidence, own))

    @staticmethod
    def _probabilities(logits: np.ndarray) -> np.ndarray:
        for of_member in logits:  # one at a time: its arrays fit the processor's cache
            expit_in_place(of_member)
        return logits

    def _logits(self, evidence: np.ndarray) -> np.ndarray:
        result = np.empty((len(self.variants), *evidence.shape), np.float32)
        for m, variant in enumerate(self.variants):
            d = variant.bottleneck
            hidden = np.maximum(evidence @ self.encoder[m, :, :d] + self.encoder_bias[m, :d], 0)
            np.matmul(hidden, self.decoder[m, :d], out=result[m])
            result[m] += self.decoder_bias[m]
        return result

    def _with_own_evidence(self, evidence: np.ndarray, replace) -> np.ndarray:
        """Logit (n, c) of the result reads ``evidence[n]`` with entry c replaced by ``replace`` of it.

        One class changes the units' inputs by a row of the encoder, so no second pass over the classes is needed.
        """
        evidence = np.asarray(evidence, np.float32)
        result = self._logits(evidence)
        change = replace(evidence) - evidence
        for start in range(0, len(evidence), SCENES_AT_ONCE):
            row, column = np.nonzero(change[start : start + SCENES_AT_ONCE])  # elsewhere the reconstruction stands
            row += start
            by = change[row, column][:, None]
            for m, variant in enumerate(self.variants):
                d = variant.bottleneck
                units = evidence[start : start + SCENES_AT_ONCE] @ self.encoder[m, :, :d] + self.encoder_bias[m, :d]
                hidden = np.maximum(units[row - start] + by * self.encoder[m, column, :d], 0)  # [entries, d]
                logits = np.einsum("ed,ed->e", hidden, self.decoder[m, :d].T[column]) + self.decoder_bias[m, column]
                result[m, row, column] = logits
        return result

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Weights, variants, and how they are read."""
        tensors = {
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "decoder": self.decoder,
            "decoder_bias": self.decoder_bias,
        }
        metadata = {
            "variants": json.dumps([[m.bottleneck, m.seed] for m in self.variants]),
            "leave_one_out": json.dumps(self.leave_one_out),
        }
        return metadata, tensors


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train every bottleneck and weight seed side by side."""
    from contextual_anomaly.models.training.autoencoder import RECIPES, train_sweep

    model, history = train_sweep(
        data.scenes,
        name,
        RECIPES[settings.objective],
        sorted(set(settings.bottlenecks)),
        sorted(set(settings.weight_seeds)),
        settings.epochs,
        settings.batch_size,
        threads,
    )
    return Fitted(model, history)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Autoencoder:
    """The sweep of a state."""
    return Autoencoder(
        name=metadata["name"],
        classes=tuple(json.loads(metadata["classes"])),
        variants=tuple(Variant(bottleneck, seed) for bottleneck, seed in json.loads(metadata["variants"])),
        weights=tensors,
        leave_one_out=json.loads(metadata["leave_one_out"]),
    )
