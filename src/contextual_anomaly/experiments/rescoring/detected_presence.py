"""What a detector and the annotators say of each class in each image, over the classes of a context model."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError


@dataclass(frozen=True)
class DetectedPresence:
    """N images that the detector has run on, by ascending id, over the C classes of a context model."""

    image_ids: np.ndarray  # [N] int64
    category_ids: np.ndarray  # [C] int32
    score: np.ndarray  # [N, C] float32, the detector's largest score of each class
    annotated: np.ndarray  # [N, C] bool
    metadata: dict[str, str]  # of the table of scores

    @property
    def made_by(self) -> dict[str, str]:
        """The digest of the detector's weights, or of its results where another program ran it."""
        return {key: self.metadata[key] for key in ("weights_sha256", "results_sha256") if key in self.metadata}

    def where(self, rows: np.ndarray) -> "DetectedPresence":
        """Return the images of a boolean mask or an index array."""
        return DetectedPresence(
            self.image_ids[rows], self.category_ids, self.score[rows], self.annotated[rows], self.metadata
        )

    def cells(self, **columns: np.ndarray) -> pd.DataFrame:
        """Return one (image, class) a row: image_id, category_id, score, the ``columns`` [N, C], annotated."""
        images, classes = self.score.shape
        return pd.DataFrame(
            {
                "image_id": np.repeat(self.image_ids, classes),
                "category_id": np.tile(self.category_ids, images),
                "score": self.score.ravel(),
                **{name: values.ravel() for name, values in columns.items()},
                "annotated": self.annotated.ravel(),
            }
        )


def parts(image_ids: np.ndarray, unseen: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return which of [N] images a detector was not trained on, and which it was, [N] bool each; nothing if not known.

    Args:
        image_ids: [N].
        unseen: ids of the images that it was not trained on; None where that is not known.
    """
    if unseen is None:
        return {}
    rows = np.isin(image_ids, unseen)
    return {part: chosen for part, chosen in (("unseen", rows), ("seen", ~rows)) if chosen.any()}


def read_detected_presence(
    class_scores: str | Path, annotations: str | Path, classes: tuple[str, ...]
) -> DetectedPresence:
    """Read scores and annotations of the given classes, matched by name.

    Args:
        class_scores: the table of `tables.class_scores_schema`.
        annotations: the table `tables.ANNOTATIONS` of the split.
        classes: of the context model, in its order.

    Raises:
        UserError: a file is missing or wrong, or the scores lack one of the classes.
    """
    metadata, width = tables.list_width(class_scores, "score")
    scored = tables.read_table(class_scores, tables.class_scores_schema(width))
    detected = json.loads(metadata["classes"])
    unknown = sorted(set(classes) - set(detected))
    if unknown:
        raise UserError(f"{class_scores}: lacks classes of the context model: {', '.join(unknown[:5])}.")
    columns = [detected.index(name) for name in classes]
    ids = np.array(json.loads(metadata["category_ids"]), np.int32)[columns]
    image_ids = scored["image_id"].to_numpy()
    objects = tables.read_table(annotations, tables.ANNOTATIONS).select(["image_id", "category_id"]).to_pandas()
    objects = objects[objects["image_id"].isin(image_ids) & objects["category_id"].isin(ids)]
    annotated = np.zeros((len(image_ids), len(ids)), bool)
    rows = np.searchsorted(image_ids, objects["image_id"])
    annotated[rows, pd.Index(ids).get_indexer(pd.Index(objects["category_id"]))] = True
    return DetectedPresence(image_ids, ids, tables.matrix(scored["score"])[:, columns], annotated, metadata)
