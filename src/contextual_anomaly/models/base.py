"""What every context model is: a set of variants, each of which says how strongly it expects every class."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.stats.log_odds import expit_in_place


@dataclass(frozen=True)
class Variant:
    """One fitted model of several; None where the family has no such thing."""

    bottleneck: int | None = None
    seed: int | None = None


class ContextModel(Protocol):
    """A loaded `models/*.safetensors`.

    ``evidence`` is [N, C] float in 0 to 1, presence or how probable it is. ``geometry`` is [N, A, F] float32 as
    `object_geometry.ObjectGeometry.of` gives it, where the objects are and how large; families that know nothing of it do without, and
    the others take objects that are not in it as typical of their class.
    """

    family: str
    name: str
    classes: tuple[str, ...]
    variants: tuple[Variant, ...]

    def log_odds(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """log(p / (1 - p)) of how strongly each class is expected in each scene.

        Returns:
            [M, N, C] float32, one slice a variant. A conditional model's entry for class c is read from all the other
            classes; the published autoencoder's is its plain reconstruction.
        """

    def predict_proba(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C] float32 in 0 to 1: the same as probabilities."""

    def predict_proba_toggled(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """How strongly class c would be expected, were its own evidence the other way round.

        Entry (n, c) answers for scene n with 1 - evidence[n, c] in place of evidence[n, c] and all else as it is,
        so that one call holds every injection and every removal of a single class. A conditional model does not
        look at c itself: its answer is `expected`.

        Args:
            evidence: [N, C] of 0 and 1.

        Returns:
            [M, N, C] float32 in 0 to 1.
        """

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Text and tensors from which the family's `load` makes the same model again."""


class Conditional:
    """A model whose answer for a class does not look at that class; it gives `log_odds`."""

    def predict_proba(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C] float32 in 0 to 1."""
        return expit_in_place(np.array(self.log_odds(evidence, geometry), np.float32))

    def predict_proba_toggled(self, evidence: np.ndarray, geometry: np.ndarray | None = None) -> np.ndarray:
        """[M, N, C] float32: the same as `expected`."""
        return self.predict_proba(evidence, geometry)


def variant_index(model: ContextModel, bottleneck: int) -> int:
    """The first variant with ``bottleneck``; of a model without bottlenecks, its first variant."""
    for index, variant in enumerate(model.variants):
        if variant.bottleneck in (bottleneck, None):
            return index
    have = sorted({m.bottleneck for m in model.variants})
    raise UserError(f"model {model.name!r} has no bottleneck {bottleneck}, it has {have}: add it to the sweep.")


def require_same_classes(model: ContextModel, classes: tuple[str, ...], where: str) -> None:
    """Check that ``model`` answers for the ``classes`` of the scenes in the file ``where``.

    Raises:
        UserError: the class lists differ.
    """
    if model.classes != classes:
        odd = sorted(set(model.classes) ^ set(classes)) or ["their order"]
        raise UserError(f"{where}: not the classes of model {model.name!r}; they differ in {', '.join(odd[:5])}.")


def require_conditional(model: ContextModel, variant: int, setting: str) -> None:
    """Check that a model's answer for a class does not depend on what the model is given for that class.

    Args:
        model: the model.
        variant: index of the variant that is used.
        setting: the setting that chooses the model, for the message.

    Raises:
        UserError: the answer changes with the class's own presence.
    """
    single_classes = np.eye(len(model.classes), dtype=np.float32)
    given, toggled = model.predict_proba(single_classes), model.predict_proba_toggled(single_classes)
    if not np.allclose(given[variant], toggled[variant], atol=1e-3):
        raise UserError(
            f"model {model.name!r} looks at the class that it is asked about, so it would repeat what it was given. "
            f"Set {setting} to a model that leaves that class out, as masked does."
        )
