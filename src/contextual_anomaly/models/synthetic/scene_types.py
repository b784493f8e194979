"""How the scenes of the synthetic world are distributed."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SceneTypes:
    """K scene types at P places, over C classes.

    Given the scene type, the classes are present independently of each other; a present class has at least one object.
    Given the place, the boxes of all objects are independent, each by the distribution of its class there: a normal
    distribution of the four coordinates of `boxes`. What supports a class bounds how high it is in the image: cars stand
    on the ground of a street, kites fly above that of a meadow.
    """

    classes: tuple[str, ...]
    weight: np.ndarray  # [K] share of images of each scene type, sums to 1
    probability: np.ndarray  # [K, C] P(class present | scene type)
    place: np.ndarray  # [K] index of each scene type's place
    mean_instances: np.ndarray  # [C] objects of a class where it is present
    span: np.ndarray  # [P, C, 2] least and greatest share of the free height that is above a box
    box_mean: np.ndarray  # [P, C, 4] of the coordinates of a box
    box_root: np.ndarray  # [P, C, 4, 4] lower triangular root of their covariance

    @property
    def number_of_places(self) -> int:
        """P."""
        return len(self.box_mean)
