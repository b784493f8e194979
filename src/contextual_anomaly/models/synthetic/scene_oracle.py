"""The exact answers about objects of the synthetic world: it knows how its scenes were sampled.

A scene is a set of objects, each a class and a box. Its density given the scene type is the product over classes of
P(present) · P(number) · number! · the densities of the boxes at the type's place, or of P(absent): the factorial, because
any order of the objects is the same set. Whatever factor of a density depends on the box alone is left out, for it cancels
wherever classes or scene types are compared.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, logsumexp

from contextual_anomaly.models.synthetic.boxes import to_coordinates, to_top
from contextual_anomaly.models.synthetic.scene_types import SceneTypes

IMPOSSIBLE = -1000.0
"""Log density of a box where its class cannot be; finite, so that a box that no class can have gives no NaN."""
OBJECTS_AT_A_TIME = 128  # few: the arrays stay in the cache of a core


class SceneOracle:
    """Exact probabilities about the objects of N scenes of the synthetic world."""

    def __init__(self, world: SceneTypes, image: np.ndarray, column: np.ndarray, box: np.ndarray, images: int) -> None:
        """Take the objects of all scenes.

        Args:
            world: what the scenes were sampled from.
            image: [M] which scene each object is of, from 0.
            column: [M] index of its class.
            box: [M, 4] x, y, width, height in pixels.
            images: N.
        """
        own = own_box_log_density(world, box, column)
        self._take(world, image, column, own, lambda rows: box_log_density(world, box[rows]), images)

    @classmethod
    def of_densities(
        cls, world: SceneTypes, image: np.ndarray, column: np.ndarray, log_density: np.ndarray, images: int
    ) -> "SceneOracle":
        """Return the oracle of objects whose log densities [M, P, C] are given in place of boxes."""
        oracle = cls.__new__(cls)
        own = log_density[np.arange(len(image)), :, column]
        oracle._take(world, image, column, own, lambda rows: log_density[rows], images)
        return oracle

    def _take(
        self,
        world: SceneTypes,
        image: np.ndarray,
        column: np.ndarray,
        own: np.ndarray,
        log_density: Callable[[np.ndarray], np.ndarray],
        images: int,
    ) -> None:
        self.world, self.image, self.column, self.log_density = world, image, column, log_density
        self.counts = np.zeros((images, len(world.classes)), np.int64)
        np.add.at(self.counts, (image, column), 1)
        self.own = own[:, world.place]  # log density of each object's box as the object's class, [M, K]
        # log P(type and scene), [N, K]
        present, absent = np.log(world.probability), np.log1p(-world.probability)
        there = (self.counts > 0).astype(float)
        number = np.where(self.counts > 0, log_number(world, self.counts, np.arange(len(world.classes))), 0).sum(1)
        self.joint = np.log(world.weight) + there @ present.T + (1 - there) @ absent.T + number[:, None]
        np.add.at(self.joint, image, self.own)

    def class_probability(self, own_box: bool = True) -> np.ndarray:
        """Return P(class of an object | its box, the other objects and theirs), [M, C]; rows sum to 1.

        Args:
            own_box: whether the object's own box is known; without, it is P(class | the other objects and their boxes).
        """
        result = np.empty((len(self.image), len(self.world.classes)))
        for rows in _chunks(len(self.image)):
            result[rows] = self._class_probability(rows, own_box)
        return result

    def _class_probability(self, rows: np.ndarray, own_box: bool) -> np.ndarray:
        world, column, each = self.world, self.column[rows], np.arange(len(rows))
        others = self.counts[self.image[rows]]
        others[each, column] -= 1
        # The scene without the object: log P(type and other objects), [m, K].
        without = self.joint[self.image[rows]] - self.own[rows]
        without -= self._log_added(others[each, column], column)
        # With one more object of a class, the scene's probability changes by a factor that depends on the scene type only
        # where it is the first of its class.
        odds = world.probability / (1 - world.probability)
        more = log_number(world, others + 1, np.arange(len(world.classes)))
        more -= np.where(others > 0, log_number(world, others, np.arange(len(world.classes))), 0)
        at_place = np.empty((len(rows), world.number_of_places, len(world.classes)))
        for place in range(world.number_of_places):
            types = np.flatnonzero(world.place == place)
            largest = without[:, types].max(1, keepdims=True)
            weight = np.exp(without[:, types] - largest)
            factor = np.where(others > 0, weight.sum(1, keepdims=True), weight @ odds[types])
            at_place[:, place] = np.log(factor) + largest
        # Over all boxes that it could have, the density of an object's box integrates to 1, at each place.
        log = logsumexp(at_place + self.log_density(rows) if own_box else at_place, axis=1) + more
        return np.exp(log - logsumexp(log, axis=1, keepdims=True))

    def _log_added(self, others: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return by how much an object changes the log probability of a scene, but for its box, [m, K].

        Args:
            others: [m] objects of the same class that are in the scene without it.
            column: [m] its class.
        """
        world = self.world
        log_odds = (np.log(world.probability) - np.log1p(-world.probability)).T[column]
        before = np.where(others > 0, log_number(world, others, column), 0)
        after = log_number(world, others + 1, column)
        return np.where(others[:, None] > 0, 0, log_odds) + (after - before)[:, None]

    def presence_probability(self) -> np.ndarray:
        """Return P(class present | all objects of the other classes and their boxes), [N, C].

        Of a class that is absent it is how probable an object of it is missing from the annotations of a scene that was
        complete when it was sampled.
        """
        share = self.world.probability
        # Of absent classes: the scene without the class is the scene divided by P(absent).
        weight = np.exp(self.joint - self.joint.max(1, keepdims=True))
        result = weight @ (share / (1 - share)) / (weight @ (1 / (1 - share)))
        # Of present classes: take away their number and their boxes.
        image, column = np.nonzero(self.counts)
        pair = np.zeros(self.counts.shape, int)
        pair[image, column] = np.arange(len(image))
        without = self.joint[image] - np.log(share).T[column]
        np.subtract.at(without, pair[self.image, self.column], self.own)
        weight = np.exp(without - without.max(1, keepdims=True))
        result[image, column] = (weight * share.T[column]).sum(1) / weight.sum(1)
        return result


def box_log_density(world: SceneTypes, box: np.ndarray) -> np.ndarray:
    """Return the log density [M, P, C] of boxes [M, 4] for each place and class.

    It is that of the first three coordinates of `models.synthetic.boxes` and of the share of the free height above the box, or
    `IMPOSSIBLE` where the class cannot be there.
    """
    shape = world.box_mean.shape[:2]
    root, mean, span = (value.reshape(-1, *value.shape[2:]) for value in (world.box_root, world.box_mean, world.span))
    spans, which = np.unique(span, axis=0, return_inverse=True)  # few: classes of one support share theirs
    top, change = (value[:, which] for value in to_top(box, spans))
    result = _normal_log_density(to_coordinates(box), top, np.linalg.inv(root), mean) + change
    return np.maximum(result, IMPOSSIBLE).reshape(len(box), *shape)


def own_box_log_density(world: SceneTypes, box: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return the log density [M, P] of boxes [M, 4] of the classes ``column`` [M], as `box_log_density` has it."""
    inverse = np.linalg.inv(world.box_root)
    result = np.empty((len(box), world.number_of_places))
    for each in np.unique(column):
        rows = np.flatnonzero(column == each)
        top, change = to_top(box[rows], world.span[:, each])
        mean = world.box_mean[:, each]
        result[rows] = _normal_log_density(to_coordinates(box[rows]), top, inverse[:, each], mean) + change
    return np.maximum(result, IMPOSSIBLE)


def _normal_log_density(first: np.ndarray, top: np.ndarray, inverse: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the log density of normal distributions of four coordinates.

    Args:
        first: [M, 3] the first three coordinates.
        top: [M, D] the fourth, which each of D distributions has of its own.
        inverse: [D, 4, 4] inverses of the lower triangular roots of their covariances.
        mean: [D, 4] their means.

    Returns:
        [M, D].
    """
    shift = np.einsum("dij,dj->di", inverse, mean)
    square = np.square(inverse[:, 3, 3] * top + (first @ inverse[:, 3, :3].T) - shift[:, 3])
    for row in range(3):
        square += np.square(first @ inverse[:, row, :3].T - shift[:, row])
    return np.log(np.diagonal(inverse, axis1=1, axis2=2)).sum(1) - 2 * np.log(2 * np.pi) - 0.5 * square


def log_number(world: SceneTypes, number: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return log (P(this number of objects | class present) · number!), for numbers of 1 or more of classes ``column``."""
    mean = world.mean_instances[column]
    with np.errstate(divide="ignore", invalid="ignore"):  # a mean of 1 leaves only the number 1; number 0 is not used
        more = np.where(number > 1, (number - 1) * np.log1p(-1 / mean), 0)
    return more - np.log(mean) + gammaln(number + 1)


def _chunks(count: int) -> list[np.ndarray]:
    """Divide the numbers from 0 to ``count`` into arrays of at most `OBJECTS_AT_A_TIME`."""
    return [np.arange(start, min(start + OBJECTS_AT_A_TIME, count)) for start in range(0, count, OBJECTS_AT_A_TIME)]
