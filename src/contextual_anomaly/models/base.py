"""What every context model is: a set of members, each of which says how strongly it expects every class."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from contextual_anomaly.errors import UserError


@dataclass(frozen=True)
class Member:
    """One fitted model of a sweep; None where the family has no such thing."""

    bottleneck: int | None = None
    seed: int | None = None


class ContextModel(Protocol):
    """A loaded `models/*.safetensors`."""

    name: str
    classes: tuple[str, ...]
    members: tuple[Member, ...]

    def expected(self, evidence: np.ndarray) -> np.ndarray:
        """How strongly each class is expected in each scene.

        Args:
            evidence: [N, C] float in 0 to 1: presence, or a detector's confidences.

        Returns:
            [M, N, C] float32 in 0 to 1, one slice a member. A conditional model's entry for class c is read
            from all the other classes; the published autoencoder's is its plain reconstruction.
        """

    def toggled(self, evidence: np.ndarray) -> np.ndarray:
        """How strongly class c would be expected, were its own evidence the other way round.

        Entry (n, c) answers for scene n with 1 - evidence[n, c] in place of evidence[n, c] and all else as it is,
        so that one call holds every injection and every removal of a single class. A conditional model does not
        look at c itself: its answer is `expected`.

        Args:
            evidence: [N, C] of 0 and 1.

        Returns:
            [M, N, C] float32 in 0 to 1.
        """


def member_index(model: ContextModel, bottleneck: int) -> int:
    """The first member with ``bottleneck``; of a model without bottlenecks, its only member."""
    for index, member in enumerate(model.members):
        if member.bottleneck in (bottleneck, None):
            return index
    have = sorted({m.bottleneck for m in model.members})
    raise UserError(f"model {model.name!r} has no bottleneck {bottleneck}, it has {have}: add it to the sweep.")


def require_same_classes(model: ContextModel, classes: tuple[str, ...], where: str) -> None:
    """Check that ``model`` answers for the ``classes`` of the scenes in the file ``where``.

    Raises:
        UserError: the class lists differ.
    """
    if model.classes != classes:
        odd = sorted(set(model.classes) ^ set(classes)) or ["their order"]
        raise UserError(f"{where}: not the classes of model {model.name!r}; they differ in {', '.join(odd[:5])}.")
