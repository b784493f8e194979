"""How likely a box is for an object of its class in its company: a normal distribution around what the others let expect.

Place and size of a box differ from the class's mean by as much as those of the image's other objects let expect (all things
are small in a photograph from afar, and sheep of one herd are of one size), and by chance.
"""

from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Int
from contextual_anomaly.scene_objects import SceneObjects

FEATURES = 4
"""The first of `scene_objects.BOX_FEATURES`: the centre, and the logarithms of width and height."""
STRENGTH = 10.0
"""As many objects' worth of the distribution of all classes are added to that of each class."""
RIDGE = 10.0
"""Penalty of the squared weights of the company."""
LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class BoxDensity:
    """Normal densities of the `FEATURES` of a box, one for each of A classes.

    Attributes:
        mean: [A, 4] of each class, whatever its company.
        weights: [12, 4] what the company adds to the mean: see `_company`.
        habit: [A, 4, 4] covariances around the class's mean alone.
        covariance: [A, 4, 4] covariances around the mean in such company.
    """

    mean: Float[np.ndarray, "A 4"]
    weights: Float[np.ndarray, "12 4"]
    habit: Float[np.ndarray, "A 4 4"]
    covariance: Float[np.ndarray, "A 4 4"]

    def log_density(self, objects: SceneObjects, company: bool = True) -> Float[np.ndarray, " K"]:
        """Return log p(box of an object | its class, classes and boxes of the others), NaN where it has no box.

        Args:
            objects: K objects of the A classes.
            company: whether the other objects count; without, it is p(box | class).
        """
        distance = self.deviation(objects, company)
        covariance = self.covariance if company else self.habit
        precision, log_determinant = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]
        square = np.einsum("ki,kij,kj->k", distance, precision[objects.column], distance)
        return -0.5 * (square + log_determinant[objects.column] + FEATURES * np.log(2 * np.pi))

    def deviation(self, objects: SceneObjects, company: bool = True) -> Float[np.ndarray, "K 4"]:
        """Return [K, 4] by how much the features of each box differ from what is to be expected, NaN without a box."""
        residual = _features(objects) - self.mean[objects.column]
        return residual - _company(objects, residual) @ self.weights if company else residual


def fit_box_density(objects: SceneObjects) -> BoxDensity:
    """Fit the densities to annotated objects; crowds and objects without a box say nothing."""
    features, classes = _features(objects), len(objects.classes)
    known = ~np.isnan(features[:, 0]) & ~objects.crowd
    column = objects.column[known]
    overall = features[known].mean(0) if known.any() else np.zeros(FEATURES)
    number = np.bincount(column, minlength=classes)[:, None]
    mean = (_sums(features[known], column, classes) + STRENGTH * overall) / (number + STRENGTH)
    residual = features - mean[objects.column]
    company = _company(objects, residual)[known]
    gram = company.T @ company + RIDGE * np.eye(company.shape[1])
    weights = np.linalg.solve(gram, company.T @ residual[known])
    left = residual[known] - company @ weights
    habit, covariance = (_covariances(of, column, classes) for of in (residual[known], left))
    return BoxDensity(mean, weights, habit, covariance)


def _features(objects: SceneObjects) -> Float[np.ndarray, "K 4"]:
    return objects.box_features()[:, :FEATURES].astype(np.float64)


def _sums(values: np.ndarray, group: Int[np.ndarray, " K"], groups: int) -> np.ndarray:
    """Return [groups, F] the sums of values [K, F]."""
    return np.stack([np.bincount(group, column, groups) for column in values.T], axis=1)


def _covariances(residual: Float[np.ndarray, "K 4"], column: Int[np.ndarray, " K"], classes: int) -> np.ndarray:
    products = (residual[:, :, None] * residual[:, None]).reshape(len(residual), FEATURES**2)
    overall = products.mean(0) if len(products) else np.zeros(FEATURES**2)
    number = np.bincount(column, minlength=classes)[:, None]
    mean = (_sums(products, column, classes) + STRENGTH * overall) / (number + STRENGTH)
    return mean.reshape(classes, FEATURES, FEATURES) + LEAST_VARIANCE * np.eye(FEATURES)


def _company(objects: SceneObjects, residual: Float[np.ndarray, "K 4"]) -> Float[np.ndarray, "K 12"]:
    """Return [K, 12] what is known of the others of an object's image.

    Of those of other classes and of those of its own class each: by how much their boxes differ from the mean of their
    classes, on average and less so where there are few of them; log(1 + their number), and its square.
    """
    counts: Bool[np.ndarray, " K"] = ~np.isnan(residual[:, 0]) & ~objects.crowd
    seen = np.column_stack([np.where(counts[:, None], residual, 0), counts])
    scene = objects.scene
    _, group = np.unique(scene * len(objects.classes) + objects.column, return_inverse=True)
    same = _sums(seen, group, int(group.max(initial=-1)) + 1)[group]
    other = _sums(seen, scene, len(objects))[scene] - same
    parts = []
    for sums, least in ((other, 1.0), (same - seen, 0.5)):
        number = sums[:, FEATURES:]
        several = np.log1p(np.maximum(number, 0))
        parts += [sums[:, :FEATURES] / (number + least), several, several**2]
    return np.concatenate(parts, axis=1)
