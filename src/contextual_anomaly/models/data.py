"""What a family learns from, and what it gives."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.object_geometry import ObjectGeometry
from contextual_anomaly.scenes import Scenes

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT_EVERY = 5  # the original's split: every fifth training image validates


@dataclass(frozen=True)
class TrainingData:
    """The training scenes; every fifth is held out for choices and calibration, and no family fits its weights on it."""

    scenes: Scenes
    object_geometry: ObjectGeometry | None = None
    estimators: list[ContextModel] = field(default_factory=list)  # models fitted before, for an ensemble of them

    @property
    def classes(self) -> tuple[str, ...]:
        """C names."""
        return self.scenes.classes

    @property
    def held_out(self) -> np.ndarray:
        """[N] bool."""
        return np.arange(len(self.scenes.image_ids)) % HELD_OUT_EVERY == 0

    @property
    def presence(self) -> np.ndarray:
        """[N, C] float32 of the images to fit on."""
        return self.scenes.where(~self.held_out).presence

    @property
    def held_out_presence(self) -> np.ndarray:
        """[N, C] float32 of the images held out."""
        return self.scenes.where(self.held_out).presence

    def geometry(self, images: np.ndarray) -> np.ndarray:
        """[n, A, 1 + F] of the images of a mask or an index array.

        Raises:
            UserError: there are no object_geometry.
        """
        return self._known_geometry().of(self.scenes.image_ids[images])

    def geometry_pairs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `ObjectGeometry.pairs` of the images of a mask or an index array.

        Raises:
            UserError: there are no object_geometry.
        """
        return self._known_geometry().pairs(self.scenes.image_ids[images])

    def _known_geometry(self) -> ObjectGeometry:
        if self.object_geometry is None:
            raise UserError(
                "this model learns from where objects are and how large: give the object_geometry (--object-geometry)."
            )
        return self.object_geometry


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and how it got there.

    The history has a row for each step and variant: of gradient descent columns bottleneck or seed, epoch, loss,
    val_loss (mean negative log-likelihood of what was asked for, of fitted and of held-out images); of a closed form
    nothing.
    """

    model: ContextModel
    history: "pd.DataFrame | None" = None


def distinct(presence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different scenes [U, C] float32, and how many images show each [U]: a third to a tenth of the work."""
    packed = np.packbits(presence > 0, axis=1)
    rows = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return np.asarray(presence[first], np.float32), counts.astype(np.float32)


def log_odds_of_share(presence: np.ndarray) -> np.ndarray:
    """[C] log-odds of the share of scenes that hold each class, half an image added to either side."""
    there = presence.sum(0, dtype=np.float64) + 0.5
    return np.log(there / (len(presence) + 1 - there))
