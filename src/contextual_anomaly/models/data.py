"""The data that a family is fitted on, and what a fit returns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from contextual_anomaly.array_types import Bool, Float, Float32, Shaped
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel, Geometry
from contextual_anomaly.object_geometry import ObjectGeometry
from contextual_anomaly.scene_objects import ImageObjects
from contextual_anomaly.scenes import Scenes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrainingData:
    """The N scenes of the training split, over C classes.

    Every fifth scene, or as the scenes have it, is held out for model selection and calibration; no family fits its weights
    on it.

    Attributes:
        scenes: the scenes.
        object_geometry: where the objects of their images are and how large; None for families that do not need it.
        estimators: fitted models, for an ensemble of them.
        image_objects: the objects of the images one by one; None for families that do not need them. Images that are not
            among the scenes may be among these.
    """

    scenes: Scenes
    object_geometry: ObjectGeometry | None = None
    estimators: list[ContextModel] = field(default_factory=list)
    image_objects: ImageObjects | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """C class names."""
        return self.scenes.classes

    @property
    def held_out(self) -> Bool[np.ndarray, " N"]:
        """[N] which scenes are held out."""
        return np.arange(len(self.scenes.image_ids)) % self.scenes.held_out_every == 0

    @property
    def presence(self) -> Float32[np.ndarray, "n C"]:
        """[n, C] of 0 and 1, of the scenes to fit on."""
        return self.scenes.where(~self.held_out).presence

    @property
    def held_out_presence(self) -> Float32[np.ndarray, "n C"]:
        """[n, C] of 0 and 1, of the scenes held out."""
        return self.scenes.where(self.held_out).presence

    @property
    def has_geometry(self) -> bool:
        """Whether anything is known of objects beside their presence."""
        return self.object_geometry is not None or self.image_objects is not None

    def geometry(self, rows: Shaped[np.ndarray, " n"]) -> Geometry:
        """Return what is known of the objects in some scenes: the objects one by one where they are there.

        Args:
            rows: a boolean mask or an index array.

        Raises:
            UserError: there is no object geometry.
        """
        if self.image_objects is not None:
            return self.image_objects.of(self.scenes.image_ids[rows])
        return self.required_geometry.dense(self.scenes.image_ids[rows])

    @property
    def required_geometry(self) -> ObjectGeometry:
        """The object geometry.

        Raises:
            UserError: there is none.
        """
        if self.object_geometry is None:
            raise UserError(
                "this model learns from where objects are and how large: give the object geometry (--object-geometry)."
            )
        return self.object_geometry


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how the fit went.

    Attributes:
        model: the model.
        history: a row for each step and variant, with the columns loss and val_loss: mean negative log-likelihood of
            the targets, of fitted and of held-out scenes. None for closed forms.
    """

    model: ContextModel
    history: "pd.DataFrame | None" = None


def distinct(presence: Shaped[np.ndarray, "N C"]) -> tuple[Float32[np.ndarray, "U C"], Float32[np.ndarray, " U"]]:
    """Return the different scenes [U, C], and how many images have each [U]: a third to a tenth of the work."""
    packed = np.packbits(presence > 0, axis=1)
    rows = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return np.asarray(presence[first], np.float32), counts.astype(np.float32)


def log_odds_of_share(presence: Shaped[np.ndarray, "N C"]) -> Float[np.ndarray, " C"]:
    """Return [C] log-odds of the share of scenes that have each class; half a scene is added to either side."""
    present = presence.sum(0, dtype=np.float64) + 0.5
    return np.log(present / (len(presence) + 1 - present))
