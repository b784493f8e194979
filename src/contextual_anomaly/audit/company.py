"""What a model of objects says about annotated objects, from the boxes and classes of the others."""

from hashlib import sha256
from typing import cast

import numpy as np
import pandas as pd

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel, WithObjects, mean_log_probability
from contextual_anomaly.scene_objects import SceneObjects, objects_of_rows
from contextual_anomaly.stats.boxes import BOX

REMEMBERED = 4  # answers: the audit asks about the same objects by detector and context, and by context alone


def scene_objects(
    objects: pd.DataFrame, images: pd.DataFrame, image_ids: np.ndarray, categories: pd.DataFrame
) -> SceneObjects:
    """Return objects as models of objects take them.

    Args:
        objects: columns image_id, category_id, x, y, width, height and iscrowd, sorted by image_id; with certainty, or all
            count as certain.
        images: columns of `tables.IMAGES`.
        image_ids: [N] ascending, of the scenes; all objects are in them.
        categories: columns of `tables.CATEGORIES`, sorted by category_id.
    """
    columns = ("image_id", "category_id", "iscrowd", *BOX, "certainty")
    rows = {name: objects[name].to_numpy() for name in columns if name in objects}
    sizes = images.set_index("image_id")[["width", "height"]].reindex(image_ids).to_numpy(np.float32)
    category_ids = categories["category_id"].to_numpy()
    return objects_of_rows(rows, image_ids, sizes, category_ids, tuple(categories["name"]))


class Company:
    """A model of objects, asked about the audited images, which it has not seen."""

    def __init__(self, model: ContextModel, categories: pd.DataFrame) -> None:
        """Check that the model answers for objects of these classes.

        Raises:
            UserError: it does not.
        """
        if not isinstance(model, WithObjects):
            raise UserError(f"model {model.name!r} does not answer for objects: an object_transformer does.")
        self.name = model.name
        self._model = cast(WithObjects, model)
        if self._model.input_classes != tuple(categories["name"]):
            raise UserError(f"model {model.name!r} knows other classes of objects than the audited data have.")
        self._answers: dict[bytes, np.ndarray] = {}

    def log_probabilities(self, objects: SceneObjects) -> np.ndarray:
        """Return [K, A] log P(class of an object | its box, the others), the mean over the model's networks."""
        parts = (objects.offsets, objects.column, objects.boxes, objects.crowd, objects.certainty)
        key = sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).digest()
        if key not in self._answers:
            if len(self._answers) >= REMEMBERED:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = mean_log_probability(self._model.object_log_probabilities(objects))
        return self._answers[key]
