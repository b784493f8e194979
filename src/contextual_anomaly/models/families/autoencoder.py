"""The autoencoder: C classes -> d units, ReLU -> C classes, sigmoid; a file holds a whole sweep over d and weight seeds."""

import json
from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import model_validator

from contextual_anomaly.array_types import Float32
from contextual_anomaly.models.base import Geometry, PerVariant, Presence, Variant
from contextual_anomaly.models.data import Fitted, TrainingData
from contextual_anomaly.models.settings import Count, Counts, Section, Seeds
from contextual_anomaly.stats.log_odds import expit_in_place

SCENES_AT_ONCE = 2048  # bounds the [changed entries, units] arrays of one variant to some 10 MB


class Settings(Section):
    """One sweep."""

    family: Literal["autoencoder"]
    # published: as in the paper. denoising: masks random classes and predicts the whole scene. masked: predicts the
    # masked classes only.
    objective: Literal["published", "denoising", "masked"]
    # Units of the hidden layer, one autoencoder each.
    bottlenecks: Counts = list(range(1, 16))
    # Seeds of the first weights and of the order of images, one autoencoder each.
    weight_seeds: Seeds = [0, 1, 2]
    # Passes over the training images.
    epochs: Count = 150
    # Images in a step.
    batch_size: Count = 256
    # Whether to learn from images of a single class too, whatever scenes.minimum_classes; the original does not.
    single_class_images: bool = False
    # The bottleneck that represents the sweep where a single autoencoder is needed, with the first weight seed.
    chosen_bottleneck: Count = 10

    @model_validator(mode="after")
    def _chosen_is_trained(self) -> "Settings":
        if self.chosen_bottleneck not in self.bottlenecks:
            raise ValueError(f"chosen_bottleneck {self.chosen_bottleneck} is not among bottlenecks {self.bottlenecks}")
        return self


class Autoencoder:
    """A trained sweep of M variants.

    A variant with fewer units than the widest is padded with zeros, which change nothing. With ``leave_one_out`` the
    answer for a class is computed with that class taken out of the input, as P(class | the others); without, it is the
    original's plain reconstruction, which depends on the class itself.
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
        """Make the sweep.

        Args:
            name: the model's name.
            classes: C class names.
            variants: M variants.
            weights: encoder [M, C, D], encoder_bias [M, D], decoder [M, D, C], decoder_bias [M, C].
            leave_one_out: whether the answer for a class leaves the class itself out.
        """
        self.name = name
        self.classes = classes
        self.variants = variants
        self.encoder = weights["encoder"]
        self.encoder_bias = weights["encoder_bias"]
        self.decoder = weights["decoder"]
        self.decoder_bias = weights["decoder_bias"]
        self.leave_one_out = leave_one_out

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] log-odds, of the reconstruction or of what it would be without each class itself."""
        if self.leave_one_out:
            return self._with_own_presence(presence, np.zeros_like)
        return self._logits(np.asarray(presence, np.float32))

    def predict_proba(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] probabilities, see `ContextModel`."""
        return self._probabilities(self.log_odds(presence))

    def predict_proba_toggled(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] probabilities with each class's own presence the other way round, see `ContextModel`."""
        own = np.zeros_like if self.leave_one_out else lambda own: 1 - own
        return self._probabilities(self._with_own_presence(presence, own))

    @staticmethod
    def _probabilities(logits: Float32[np.ndarray, "M N C"]) -> Float32[np.ndarray, "M N C"]:
        for of_variant in logits:  # one at a time: its arrays fit the processor's cache
            expit_in_place(of_variant)
        return logits

    def _layers(self, variant: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the weights of one variant without its padding."""
        d = self.variants[variant].bottleneck
        return (
            self.encoder[variant, :, :d],
            self.encoder_bias[variant, :d],
            self.decoder[variant, :d],
            self.decoder_bias[variant],
        )

    def _logits(self, presence: Float32[np.ndarray, "N C"]) -> PerVariant:
        result = np.empty((len(self.variants), *presence.shape), np.float32)
        for m in range(len(self.variants)):
            encoder, encoder_bias, decoder, decoder_bias = self._layers(m)
            hidden = np.maximum(presence @ encoder + encoder_bias, 0)
            np.matmul(hidden, decoder, out=result[m])
            result[m] += decoder_bias
        return result

    def _with_own_presence(self, presence: Presence, replace: Callable[[np.ndarray], np.ndarray]) -> PerVariant:
        """Return logits whose entry (n, c) is computed from ``presence[n]`` with entry c put through ``replace``.

        One class changes the units' inputs by a row of the encoder, so no second pass over the classes is needed.
        """
        presence = np.asarray(presence, np.float32)
        result = self._logits(presence)
        change = replace(presence) - presence
        for start in range(0, len(presence), SCENES_AT_ONCE):
            row, column = np.nonzero(change[start : start + SCENES_AT_ONCE])  # elsewhere the reconstruction is right
            row += start
            by = change[row, column][:, None]
            for m in range(len(self.variants)):
                encoder, encoder_bias, decoder, decoder_bias = self._layers(m)
                units = presence[start : start + SCENES_AT_ONCE] @ encoder + encoder_bias
                hidden = np.maximum(units[row - start] + by * encoder[column], 0)  # [entries, d]
                logits = np.einsum("ed,ed->e", hidden, decoder.T[column]) + decoder_bias[column]
                result[m, row, column] = logits
        return result

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return weights, variants, and whether the answers leave the class itself out."""
        tensors = {
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "decoder": self.decoder,
            "decoder_bias": self.decoder_bias,
        }
        metadata = {
            "variants": json.dumps([[variant.bottleneck, variant.seed] for variant in self.variants]),
            "leave_one_out": json.dumps(self.leave_one_out),
        }
        return metadata, tensors


def fit(data: TrainingData, name: str, settings: Settings, threads: int) -> Fitted:
    """Train every bottleneck and weight seed side by side."""
    from contextual_anomaly.models.training.autoencoder import OBJECTIVES, SweepConfig, train_sweep

    config = SweepConfig(
        objective=OBJECTIVES[settings.objective],
        bottlenecks=sorted(set(settings.bottlenecks)),
        seeds=sorted(set(settings.weight_seeds)),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
    )
    weights, history = train_sweep(data, config, threads, f"training {name}")
    variants = tuple(Variant(d, seed) for d in config.bottlenecks for seed in config.seeds)
    leave_one_out = settings.objective != "published"
    return Fitted(Autoencoder(name, data.classes, variants, weights, leave_one_out), history)


def load(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> Autoencoder:
    """Restore the sweep of a state."""
    return Autoencoder(
        name=metadata["name"],
        classes=tuple(json.loads(metadata["classes"])),
        variants=tuple(Variant(bottleneck, seed) for bottleneck, seed in json.loads(metadata["variants"])),
        weights=tensors,
        leave_one_out=json.loads(metadata["leave_one_out"]),
    )
