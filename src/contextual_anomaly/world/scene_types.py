"""Statistics of the synthetic world: 80 classes and 64 scene types, fitted to COCO train2017."""

import csv
from dataclasses import dataclass
from importlib import resources

import numpy as np


@dataclass(frozen=True)
class World:
    """K scene types over C classes, in the order of their category ids.

    Given the scene type, the classes are present independently of each other; a present class has at least one object.
    """

    category_ids: tuple[int, ...]
    classes: tuple[str, ...]
    supercategories: tuple[str, ...]
    weight: np.ndarray  # [K] share of images of each scene type, sums to 1
    probability: np.ndarray  # [K, C] P(class present | scene type)
    mean_instances: np.ndarray  # [C] objects of a class where it is present
    log_scale: np.ndarray  # [C, 2] mean and standard deviation of log √(box area / image area)
    log_aspect: np.ndarray  # [C, 2] of log(width / height)
    x_center: np.ndarray  # [C, 2] of the box centre, as a fraction of the image's width
    y_center: np.ndarray  # [C, 2] of its height


def load_world() -> World:
    """Return the world of the two tables that come with the package."""
    classes = _rows("classes.csv")
    types = _rows("scene_types.csv")
    names = tuple(row["name"] for row in classes)
    weight = np.array([float(row["weight"]) for row in types])

    def spread(quantity: str) -> np.ndarray:
        return np.array([[float(row[f"{quantity}_mean"]), float(row[f"{quantity}_std"])] for row in classes])

    return World(
        category_ids=tuple(int(row["category_id"]) for row in classes),
        classes=names,
        supercategories=tuple(row["supercategory"] for row in classes),
        # The table's weights are rounded to six digits and miss 1 by a millionth.
        weight=weight / weight.sum(),
        probability=np.array([[float(row[name]) for name in names] for row in types]),
        mean_instances=np.array([float(row["mean_instances"]) for row in classes]),
        log_scale=spread("log_scale"),
        log_aspect=spread("log_aspect"),
        x_center=spread("x_center"),
        y_center=spread("y_center"),
    )


def _rows(name: str) -> list[dict[str, str]]:
    """Read a CSV table of this package."""
    text = resources.files("contextual_anomaly.world").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
