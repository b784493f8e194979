"""The protocol of context models, and what all of them share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Float32, Int, Shaped
from contextual_anomaly.errors import UserError
from contextual_anomaly.scene_objects import SceneObjects
from contextual_anomaly.stats.log_odds import expit_in_place

Presence = Shaped[np.ndarray, "N C"]
"""Whether each of C classes is in each of N scenes: 0 or 1, or the probability that it is, of any numeric type."""

Geometry = Float[np.ndarray, "N A G"] | SceneObjects
"""What is known of the objects of A classes in N scenes.

Either presence and features of each class, as `object_geometry.ObjectGeometry.dense` gives them, or the objects one by one.
"""

SceneGeometry = Float[np.ndarray, "A G"] | SceneObjects
"""The `Geometry` of one scene."""

PerVariant = Float32[np.ndarray, "M N C"]
"""One number for each of M variants, N scenes and C classes."""


@dataclass(frozen=True)
class Variant:
    """One fitted network of a family's sweep.

    Attributes:
        bottleneck: units of its hidden layer; None where the family has no bottleneck.
        seed: seed of its first weights; None where the family has no seeds.
    """

    bottleneck: int | None = None
    seed: int | None = None


@runtime_checkable
class ContextModel(Protocol):
    """A fitted model of which classes belong together, with M variants and C classes.

    ``presence`` is [N, C], 0 or 1 or a probability. ``geometry`` says where the objects of N scenes are and how large.
    Families that learn from presence alone ignore it. Families that learn from geometry treat a class without it as
    typical of its kind.
    """

    family: str
    name: str
    classes: tuple[str, ...]
    variants: tuple[Variant, ...]

    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return the log-odds, log(p / (1 - p)), that each class is present.

        A conditional model computes the entry of class c from all other classes. The published autoencoder returns its
        reconstruction, which depends on class c itself.

        Args:
            presence: [N, C], 0 or 1 or a probability.
            geometry: of the same scenes.

        Returns:
            [M, N, C] float32.
        """
        ...

    def predict_proba(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return `log_odds` as probabilities.

        Args:
            presence: [N, C], 0 or 1 or a probability.
            geometry: of the same scenes.

        Returns:
            [M, N, C] float32, from 0 to 1.
        """
        ...

    def predict_proba_toggled(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return the probability of each class if its own presence were the other way round.

        Entry (n, c) is computed from scene n with 1 - presence[n, c] in place of presence[n, c], so that one call
        answers for every addition and every removal of a single class. For a conditional model this equals
        `predict_proba`.

        Args:
            presence: [N, C], 0 or 1.
            geometry: of the same scenes.

        Returns:
            [M, N, C] float32, from 0 to 1.
        """
        ...

    def state(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """Return text and tensors from which the family's `load` restores the model."""
        ...


@runtime_checkable
class WithContributions(Protocol):
    """A context model that can say itself what each class contributes to its log-odds; see `models.explanation`."""

    def contributions(
        self, variant: int, presence: Presence, target: Int[np.ndarray, " N"]
    ) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N C"]]:
        """Return what the present classes contribute to the log-odds of one class of each scene.

        Args:
            variant: index of the variant to explain.
            presence: [N, C], 0 or 1 or a probability; the target itself is 0.
            target: [N] index of the class whose log-odds are explained.

        Returns:
            The log-odds [N] before any class is taken into account, and the contributions [N, C], 0 for absent classes.
        """
        ...


@runtime_checkable
class WithSubsets(Protocol):
    """A context model that answers for many subsets of one scene's classes at once, faster than for as many scenes."""

    def log_odds_of_subsets(
        self,
        presence: Shaped[np.ndarray, " C"],
        subsets: Bool[np.ndarray, "S C"],
        targets: Int[np.ndarray, " T"],
        geometry: SceneGeometry | None = None,
    ) -> Float[np.ndarray, "M S T"]:
        """Return `log_odds` of some classes where only a subset of the scene's classes is present.

        Args:
            presence: [C] of the scene, 0 or 1 or a probability.
            subsets: [S, C] which classes are kept; the others count as absent.
            targets: [T] indices of the classes that are predicted.
            geometry: of the scene.

        Returns:
            [M, S, T]; where a subset holds the target itself, the number means nothing.
        """
        ...


def log_odds_of_subsets(
    model: ContextModel,
    presence: Shaped[np.ndarray, " C"],
    subsets: Bool[np.ndarray, "S C"],
    targets: Int[np.ndarray, " T"],
    geometry: SceneGeometry | None = None,
) -> Float[np.ndarray, "M S T"]:
    """Return what `WithSubsets` does, of any model.

    Args:
        model: the model.
        presence: [C] of the scene, 0 or 1 or a probability.
        subsets: [S, C] which classes are kept; the others count as absent.
        targets: [T] indices of the classes that are predicted.
        geometry: of the scene.
    """
    own = getattr(model, "log_odds_of_subsets", None)  # isinstance of a protocol takes longer than some answers
    if own is not None:
        return own(presence, subsets, targets, geometry)
    one = of_one_scene(geometry)
    repeated = None if one is None else one[np.zeros(len(subsets), np.intp)]
    return model.log_odds(np.where(subsets, presence, 0).astype(np.float32), repeated)[:, :, targets]


def of_one_scene(geometry: SceneGeometry | None) -> Geometry | None:
    """Return the geometry of one scene as that of N scenes."""
    return geometry[None] if isinstance(geometry, np.ndarray) else geometry


def by_class(geometry: Geometry) -> Float[np.ndarray, "N A G"]:
    """Return presence and features of each class, also of objects that are given one by one."""
    return geometry if isinstance(geometry, np.ndarray) else geometry.dense()


@runtime_checkable
class WithObjects(Protocol):
    """A context model that also answers for single objects."""

    input_classes: tuple[str, ...]

    def object_log_probabilities(self, objects: SceneObjects, own_box: bool = True) -> Float32[np.ndarray, "M K A"]:
        """Return log P(class of an object | its box, the other objects and their boxes).

        Args:
            objects: K objects of the model's A input classes. The class of an object does not reach its own answer.
            own_box: whether its box does.
        """
        ...


def mean_log_probability(of_networks: Float32[np.ndarray, "M K A"]) -> Float32[np.ndarray, "K A"]:
    """Return the logarithm of the mean over M networks, of log-probabilities as `WithObjects` gives them."""
    return np.logaddexp.reduce(of_networks, axis=0) - np.float32(np.log(len(of_networks)))


class Conditional(ABC):
    """Base of the models whose answer for a class depends on the other classes only; they define `log_odds`."""

    @abstractmethod
    def log_odds(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] log-odds, see `ContextModel`."""

    def predict_proba(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return [M, N, C] probabilities, see `ContextModel`."""
        return expit_in_place(np.array(self.log_odds(presence, geometry), np.float32))

    def predict_proba_toggled(self, presence: Presence, geometry: Geometry | None = None) -> PerVariant:
        """Return `predict_proba`: a conditional answer does not depend on the class's own presence."""
        return self.predict_proba(presence, geometry)


def variant_index(model: ContextModel, bottleneck: int | None) -> int:
    """Return the index of the variant that stands for the model.

    Args:
        model: the model.
        bottleneck: of a sweep, the bottleneck that is wanted; None takes the first variant.

    Returns:
        The first variant with that bottleneck; of a model without bottlenecks, its first variant.

    Raises:
        UserError: no variant has that bottleneck.
    """
    for index, variant in enumerate(model.variants):
        if bottleneck is None or variant.bottleneck in (bottleneck, None):
            return index
    available = sorted({variant.bottleneck or 0 for variant in model.variants})
    raise UserError(f"model {model.name!r} has no bottleneck {bottleneck}, it has {available}: add it to the sweep.")


def require_same_classes(model: ContextModel, classes: tuple[str, ...], where: str) -> None:
    """Check that a model answers for the classes of some scenes.

    Args:
        model: the model.
        classes: the classes of the scenes.
        where: the file of the scenes, for the message.

    Raises:
        UserError: the class lists differ.
    """
    if model.classes != classes:
        different = sorted(set(model.classes) ^ set(classes)) or ["their order"]
        raise UserError(f"{where}: not the classes of model {model.name!r}; they differ in {', '.join(different[:5])}.")


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
