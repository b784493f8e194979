"""Class frequency: the share of scenes that hold each class, whatever else is in them. The baseline of every table."""

import json
from pathlib import Path

import numpy as np

from contextual_anomaly.models.base import Member
from contextual_anomaly.models.store import read_model, save_model
from contextual_anomaly.scenes import Scenes


class Frequency:
    """A context model that knows no context."""

    def __init__(self, name: str, classes: tuple[str, ...], share: np.ndarray) -> None:
        self.name = name
        self.classes = classes
        self.members = (Member(),)
        self.share = share.astype(np.float32)  # [C]

    def expected(self, evidence: np.ndarray) -> np.ndarray:
        """[1, N, C]: the same shares for each scene."""
        return np.broadcast_to(self.share, (1, *evidence.shape))

    toggled = expected


def fit(scenes: Scenes, path: str | Path, name: str) -> None:
    """Count, and write the model."""
    metadata = {"family": "frequency", "name": name, "classes": json.dumps(scenes.classes), "dataset": scenes.dataset}
    save_model(path, {"share": scenes.presence.mean(0, dtype=np.float64).astype(np.float32)}, metadata)


def load(path: str | Path) -> Frequency:
    """The model that `fit` wrote."""
    metadata, tensors = read_model(path)
    return Frequency(metadata["name"], tuple(json.loads(metadata["classes"])), tensors["share"])
