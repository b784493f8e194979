"""Statistics of the synthetic world: 80 classes, 64 scene types and their places, fitted to COCO train2017."""

import csv
from dataclasses import dataclass
from importlib import resources

import numpy as np

from contextual_anomaly.models.synthetic.scene_types import SceneTypes

CORRELATED = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
"""Pairs of box coordinates, in the order of the correlations in `boxes.csv`."""
SUPPORTS = ("ground", "surface", "held", "air")
"""What can support a class, besides "free", which leaves its height unbounded; `supports.csv` has the bounds at each place."""


@dataclass(frozen=True)
class World(SceneTypes):
    """The scene types, over C classes in the order of their category ids, and what is rendered of them."""

    category_ids: tuple[int, ...]
    supercategories: tuple[str, ...]
    places: tuple[str, ...]  # P names
    aspect: np.ndarray  # [C] usual width / height of an object
    support: tuple[str, ...]  # of each class, one of SUPPORTS


def load_world() -> World:
    """Return the world of the tables that come with the package."""
    classes = _rows("classes.csv")
    types = _rows("scene_types.csv")
    names = tuple(row["name"] for row in classes)
    weight = np.array([float(row["weight"]) for row in types])
    places = tuple(dict.fromkeys(row["place"] for row in types))
    box_mean, box_root = _boxes(names, places)
    support = tuple(row["support"] for row in classes)
    return World(
        category_ids=tuple(int(row["category_id"]) for row in classes),
        classes=names,
        supercategories=tuple(row["supercategory"] for row in classes),
        # The table's weights are rounded to six digits and miss 1 by a millionth.
        weight=weight / weight.sum(),
        probability=np.array([[float(row[name]) for name in names] for row in types]),
        places=places,
        place=np.array([places.index(row["place"]) for row in types]),
        mean_instances=np.array([float(row["mean_instances"]) for row in classes]),
        aspect=np.array([float(row["aspect"]) for row in classes]),
        support=support,
        span=_spans(support, places),
        box_mean=box_mean,
        box_root=box_root,
    )


def _boxes(names: tuple[str, ...], places: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean [P, C, 4] and root of the covariance [P, C, 4, 4]; a row without a place is for all that have none."""
    mean, root = np.empty((len(places), len(names), 4)), np.empty((len(places), len(names), 4, 4))
    rows = _rows("boxes.csv")
    for row in sorted(rows, key=lambda row: row["place"] != ""):  # the general ones first, then what replaces them
        numbers = np.array(list(row.values())[2:], float)
        correlation = np.eye(4)
        for (i, j), value in zip(CORRELATED, numbers[8:], strict=True):
            correlation[i, j] = correlation[j, i] = value
        at = places.index(row["place"]) if row["place"] else slice(None)
        column = names.index(row["class"])
        mean[at, column] = numbers[:4]
        root[at, column] = np.linalg.cholesky(np.outer(numbers[4:8], numbers[4:8]) * correlation)
    return mean, root


def _spans(support: tuple[str, ...], places: tuple[str, ...]) -> np.ndarray:
    """Return the bounds [P, C, 2] of each class's height at each place, as shares of the free height."""
    rows = {row["place"]: row for row in _rows("supports.csv")}
    free = {"free_low": 0.0, "free_high": 1.0}
    return np.array(
        [
            [[float((free | rows[place])[f"{of}_{end}"]) for end in ("low", "high")] for of in support]
            for place in places
        ]
    )


def _rows(name: str) -> list[dict[str, str]]:
    """Read a CSV table of this package."""
    text = resources.files("contextual_anomaly.world").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
