"""The exact answers about objects of the synthetic world: it knows how its scenes were sampled.

A scene is a set of objects, each a class and a box. Its density given the scene type is the product over classes of
P(present) · P(number) · number! · the densities of the boxes at the type's place, or of P(absent): the factorial, because
any order of the objects is the same set. Whatever factor of a density depends on the box alone is left out, for it cancels
wherever classes or scene types are compared.
"""

import numpy as np
from scipy.special import gammaln, logsumexp

from contextual_anomaly.world.boxes import to_coordinates, to_top
from contextual_anomaly.world.scene_types import World

IMPOSSIBLE = -1000.0
"""Log density of a box where its class cannot be; finite, so that a box that no class can have gives no NaN."""
OBJECTS_AT_A_TIME = IMAGES_AT_A_TIME = 512  # bounds memory: [objects or images, classes, scene types] numbers


class SceneOracle:
    """Exact probabilities about the objects of N scenes of the synthetic world."""

    def __init__(self, world: World, image: np.ndarray, column: np.ndarray, box: np.ndarray, images: int) -> None:
        """Take the objects of all scenes.

        Args:
            world: What the scenes were sampled from.
            image: [M] which scene each object is of, ascending, from 0.
            column: [M] index of its class.
            box: [M, 4] x, y, width, height in pixels.
            images: N.
        """
        self._take(world, image, column, box_log_density(world, box), images)

    def _take(self, world: World, image: np.ndarray, column: np.ndarray, log_density: np.ndarray, images: int) -> None:
        self.world, self.image, self.column = world, image, column
        self.log_density = log_density  # [M, P, C]
        self.counts = np.zeros((images, len(world.classes)), np.int64)
        np.add.at(self.counts, (image, column), 1)
        own = log_density[np.arange(len(image)), :, column][:, world.place]  # [M, K]
        boxes = np.zeros((images, len(world.weight)))
        np.add.at(boxes, image, own)
        self.own = own
        present, absent = np.log(world.probability), np.log1p(-world.probability)
        there = (self.counts > 0).astype(float)
        number = np.where(self.counts > 0, log_number(world, self.counts), 0).sum(1)
        # log P(type and scene), [N, K]
        self.joint = np.log(world.weight) + there @ present.T + (1 - there) @ absent.T + number[:, None] + boxes

    @classmethod
    def of_densities(
        cls, world: World, image: np.ndarray, column: np.ndarray, log_density: np.ndarray, images: int
    ) -> "SceneOracle":
        """Return the oracle of objects whose log densities [M, P, C] are given in place of boxes."""
        oracle = cls.__new__(cls)
        oracle._take(world, image, column, log_density, images)
        return oracle

    def class_probability(self) -> np.ndarray:
        """Return P(class of an object | its box, the other objects and theirs), [M, C]; rows sum to 1."""
        result = np.empty((len(self.image), len(self.world.classes)))
        for start in range(0, len(self.image), OBJECTS_AT_A_TIME):
            rows = slice(start, start + OBJECTS_AT_A_TIME)
            result[rows] = self._class_probability(np.arange(len(self.image))[rows])
        return result

    def _class_probability(self, rows: np.ndarray) -> np.ndarray:
        world, column = self.world, self.column[rows]
        others = self.counts[self.image[rows]].copy()
        others[np.arange(len(rows)), column] -= 1
        # Without the object, [m, K]; then with it as each class, [m, C, K].
        without = self.joint[self.image[rows]] - self.own[rows]
        without += self._term(others, column) - self._term(others + 1, column)
        gain = self._terms(others + 1) - self._terms(others)
        density = self.log_density[rows][:, world.place].transpose(0, 2, 1)
        log = logsumexp(without[:, None] + gain + density, axis=2)
        return np.exp(log - logsumexp(log, axis=1, keepdims=True))

    def presence_probability(self) -> np.ndarray:
        """Return P(class present | all objects of the other classes and their boxes), [N, C].

        Of a class that is absent it is how probable an object of it is missing from the annotations of a scene that was
        complete when it was sampled.
        """
        result = np.empty(self.counts.shape)
        edges = np.searchsorted(self.image, np.arange(len(self.counts) + 1))
        for start in range(0, len(self.counts), IMAGES_AT_A_TIME):
            stop = min(start + IMAGES_AT_A_TIME, len(self.counts))
            mine = slice(edges[start], edges[stop])
            own = np.zeros((stop - start, *self.world.probability.T.shape))
            np.add.at(own, (self.image[mine] - start, self.column[mine]), self.own[mine])
            without = self.joint[start:stop, None] - own - self._terms(self.counts[start:stop])  # [n, C, K]
            weight = np.exp(without - logsumexp(without, axis=2, keepdims=True))
            result[start:stop] = np.einsum("nck,kc->nc", weight, self.world.probability)
        return result

    def type_probability(self) -> np.ndarray:
        """Return P(scene type | all objects and their boxes), [N, K]."""
        return np.exp(self.joint - logsumexp(self.joint, axis=1, keepdims=True))

    def _terms(self, counts: np.ndarray) -> np.ndarray:
        """Return log P(number of objects | scene type) plus the log of their orders [n, C, K] for counts [n, C]."""
        world = self.world
        there = np.log(world.probability).T[None] + np.where(counts > 0, log_number(world, counts), 0)[..., None]
        return np.where(counts[..., None] > 0, there, np.log1p(-world.probability).T[None])

    def _term(self, counts: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return the entry of `_terms` of one class of each row, [n, K]."""
        world, number = self.world, counts[np.arange(len(column)), column]
        there = (
            np.log(world.probability).T[column] + np.where(number > 0, _log_number(world, number, column), 0)[:, None]
        )
        return np.where(number[:, None] > 0, there, np.log1p(-world.probability).T[column])


def box_log_density(world: World, box: np.ndarray) -> np.ndarray:
    """Return the log density [M, P, C] of boxes [M, 4] for each place and class.

    It is that of the first three coordinates of `world.boxes` and of the share of the free height above the box, up to
    `IMPOSSIBLE` where the class cannot be there.
    """
    inverse = np.linalg.inv(world.box_root)  # [P, C, 4, 4], lower triangular
    constant = -np.log(np.diagonal(world.box_root, axis1=2, axis2=3)).sum(2) - 2 * np.log(2 * np.pi)
    shift = np.einsum("pcij,pcj->pci", inverse, world.box_mean)
    white = np.einsum("pcij,mj->mpci", inverse[..., :3], to_coordinates(box)) - shift
    top, change = to_top(box, world.span)
    white[..., 3] += inverse[..., 3, 3] * top
    return np.maximum(constant - 0.5 * (white**2).sum(3) + change, IMPOSSIBLE)


def log_number(world: World, counts: np.ndarray) -> np.ndarray:
    """Return log (P(n objects | present) · n!) [n, C] for counts [n, C] of 1 or more."""
    return _log_number(world, counts, np.arange(counts.shape[1]))


def _log_number(world: World, counts: np.ndarray, column: np.ndarray) -> np.ndarray:
    mean = world.mean_instances[column]
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.where(counts > 1, (counts - 1) * np.log1p(-1 / mean), 0)
    return more - np.log(mean) + gammaln(counts + 1)
