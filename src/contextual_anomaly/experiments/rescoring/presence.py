"""What a detector and the annotators say of each class in each image, over the classes of a context model."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel


@dataclass(frozen=True)
class Presence:
    """N images that the detector has run on, by rising id, over the C classes of the context model."""

    image_ids: np.ndarray  # [N] int64
    category_ids: np.ndarray  # [C] int32
    score: np.ndarray  # [N, C] float32, the detector's largest confidence of each class
    annotated: np.ndarray  # [N, C] bool
    made_from: dict[str, str]  # metadata of the confidences

    def where(self, rows: np.ndarray) -> "Presence":
        """The images of a boolean mask or an index array."""
        return Presence(self.image_ids[rows], self.category_ids, self.score[rows], self.annotated[rows], self.made_from)


def read_presence(class_scores: str | Path, annotations: str | Path, judge: ContextModel) -> Presence:
    """Both tables over the classes of ``judge``, matched by name.

    Raises:
        UserError: a file is missing or wrong, or the confidences lack a class of the model.
    """
    metadata, width = tables.list_width(class_scores, "score")
    scored = tables.read_table(class_scores, tables.class_scores_schema(width))
    classes = json.loads(metadata["classes"])
    unknown = sorted(set(judge.classes) - set(classes))
    if unknown:
        raise UserError(f"{class_scores}: lacks classes of model {judge.name!r}: {', '.join(unknown[:5])}.")
    columns = [classes.index(name) for name in judge.classes]
    ids = np.array(json.loads(metadata["category_ids"]), np.int32)[columns]
    image_ids = scored["image_id"].to_numpy()
    objects = tables.read_table(annotations, tables.ANNOTATIONS).select(["image_id", "category_id"]).to_pandas()
    objects = objects[objects["image_id"].isin(image_ids) & objects["category_id"].isin(ids)]
    annotated = np.zeros((len(image_ids), len(ids)), bool)
    rows = np.searchsorted(image_ids, objects["image_id"])
    annotated[rows, pd.Index(ids).get_indexer(objects["category_id"])] = True
    return Presence(image_ids, ids, tables.matrix(scored["score"])[:, columns], annotated, metadata)
