"""The three files of a detector's results: written, read, and merged from shards."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file, write_csv
from contextual_anomaly.runtime.safe_text import from_cells

logger = logging.getLogger(__name__)

RUN, ABSENT, UNREADABLE = "run", "absent", "unreadable"
"""Status of an image: the network ran on it, it is not in the folder, or it cannot be read."""
REPORT = ["image_id", "file_name", "status", "problem"]
FEW_IMAGES, HIGH_THRESHOLD = 10, 0.05
"""Fewer images than this may well hold nothing above a threshold higher than this."""


@dataclass(frozen=True)
class DetectionTables:
    """Results of a detector; both tables are sorted by image id and hold the images with status `RUN` only."""

    detections: pa.Table  # tables.DETECTIONS
    class_scores: pa.Table  # tables.class_scores_schema over all classes of the data set
    report: pd.DataFrame  # REPORT, one row an image of the data set
    metadata: dict[str, str]

    @classmethod
    def of(
        cls,
        categories: pd.DataFrame,
        image_ids: Sequence[int],
        boxes: Sequence[np.ndarray],
        scores: Sequence[np.ndarray],
        report: pd.DataFrame,
    ) -> "DetectionTables":
        """Put the results of images together.

        Args:
            categories: Rows of `tables.CATEGORIES`.
            image_ids: Of the images that were run, rising.
            boxes: For each image [K, 6], the columns of `tables.DETECTIONS` after the image id.
            scores: For each image [C], the largest score of each class.
            report: Columns `REPORT`, one row an image.
        """
        of_image = np.repeat(np.array(image_ids, np.int64), [len(rows) for rows in boxes])
        columns = np.concatenate([np.empty((0, len(tables.DETECTIONS) - 1)), *boxes]).T
        types = [field.type.to_pandas_dtype() for field in tables.DETECTIONS][1:]
        detections = [of_image, *(column.astype(t) for column, t in zip(columns, types, strict=True))]
        width = len(categories)
        values = pa.array(np.concatenate([np.empty(0, np.float32), *scores]))
        schema = tables.class_scores_schema(width)
        return cls(
            pa.table(detections, schema=tables.DETECTIONS),
            pa.table(
                [pa.array(image_ids, pa.int64()), pa.FixedSizeListArray.from_arrays(values, width)], schema=schema
            ),
            report,
            {
                "classes": json.dumps(categories["name"].tolist()),
                "category_ids": json.dumps(categories["category_id"].tolist()),
            },
        )

    def with_metadata(self, metadata: dict[str, str]) -> "DetectionTables":
        """Return the same tables with more metadata."""
        return DetectionTables(self.detections, self.class_scores, self.report, {**self.metadata, **metadata})

    def write(self, detections: str | Path, class_scores: str | Path, report: str | Path) -> None:
        """Write the three files; the metadata goes into both tables.

        Args:
            detections: Parquet file of the boxes.
            class_scores: Parquet file of the largest score of each class.
            report: CSV file of what became of each image.
        """
        tables.write_table(self.detections, tables.DETECTIONS, detections, self.metadata)
        schema = tables.class_scores_schema(len(json.loads(self.metadata["classes"])))
        tables.write_table(self.class_scores, schema, class_scores, self.metadata)
        write_csv(self.report, report)

    def summary(self) -> str:
        """Return the number of boxes and of images by status, for the log."""
        counts = ", ".join(f"{n:,} {status}" for status, n in self.report["status"].value_counts().items())
        return f"{len(self.detections):,} boxes; images: {counts}"

    def check_not_empty(self) -> None:
        """Refuse results without any box, which say more of the settings than of the images.

        Raises:
            UserError: No image has a box, though there are many images or the threshold is low.
        """
        images = int((self.report["status"] == RUN).sum())
        if len(self.detections) or not images:
            return
        threshold = float(self.metadata["score_threshold"])
        highest = tables.matrix(self.class_scores["score"]).max()
        problem = (
            f"{self.metadata['weights']}: no box in {images:,} images; the highest confidence in any of them is "
            f"{highest:.3g}, the threshold {threshold:g}. Likely causes: the file is of another family than "
            f"{self.metadata['family']}, its classes are in another order, or it was trained with "
            f"another resizing than {self.metadata['resize']}."
        )
        if images < FEW_IMAGES and threshold >= HIGH_THRESHOLD:
            logger.warning(problem)
        else:
            raise UserError(problem)


def read_detections(detections: str | Path, class_scores: str | Path, report: str | Path) -> DetectionTables:
    """Read the three files that `DetectionTables.write` wrote.

    Raises:
        UserError: One is missing or is not of its kind.
    """
    metadata, width = tables.list_width(class_scores, "score")
    boxes = tables.read_table(detections, tables.DETECTIONS)
    scores = tables.read_table(class_scores, tables.class_scores_schema(width))
    if tables.metadata_of(boxes) != metadata:
        raise UserError(f"{detections} and {class_scores}: they are not of one run of one detector. Make both again.")
    return DetectionTables(boxes, scores, read_image_report(report), metadata)


def read_image_report(path: str | Path, statuses: Sequence[str] = (RUN, ABSENT, UNREADABLE)) -> pd.DataFrame:
    """Read what became of each image.

    Args:
        path: The report (CSV).
        statuses: What an image may have come to.

    Raises:
        UserError: The file is missing, damaged, or has other columns.
    """
    try:
        report = from_cells(pd.read_csv(require_file(path, "the image report of detect (CSV)"), keep_default_na=False))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable CSV file ({error}). Delete it and run again.") from error
    tables.check_csv(report, tables.CSV_TABLES["detections/*/images.csv"], path)
    if unknown := sorted(set(report["status"]) - set(statuses)):
        raise UserError(
            f"{path}: one of {', '.join(statuses)} was expected as status, found {unknown[0]!r}. Delete it and run again."
        )
    return report


def read_detected_image_ids(path: str | Path) -> np.ndarray:
    """Return the ids of the images that the detector has run on, int64 and ascending, from its image report.

    Raises:
        UserError: The file is missing or has other columns.
    """
    report = read_image_report(path)
    return np.sort(report.loc[report["status"] == RUN, "image_id"].to_numpy(np.int64))


def merge_shards(shards: Sequence[DetectionTables]) -> DetectionTables:
    """Put all shards together, sorted by image id; the result does not depend on their number.

    Raises:
        UserError: Shards are missing, double, of different runs, or hold no image or no box.
    """
    # The recorded command names its shard; the settings that matter are recorded one by one beside it.
    described = [{k: v for k, v in shard.metadata.items() if not k.startswith("settings")} for shard in shards]
    numbers = [(int(d.pop("shard")), int(d.pop("shards"))) for d in described]
    if any(d != described[0] for d in described[1:]):
        keys = sorted({k for d in described[1:] for k in d if d[k] != described[0].get(k)})
        raise UserError(f"the shards are of different runs: {', '.join(keys)} differ. Make all of them again.")
    count = numbers[0][1]
    if sorted(numbers) != [(i, count) for i in range(count)]:
        shown = ", ".join(f"{i} of {n}" for i, n in sorted(numbers))
        raise UserError(f"the shards given are {shown}; each of 0 to {count - 1} of {count} was expected once.")
    report = pd.concat([shard.report for shard in shards]).sort_values("image_id", ignore_index=True)
    if not (report["status"] == RUN).any():
        raise UserError(
            f"no image could be read; the first of {len(report):,}: {report['file_name'][0]}: {report['problem'][0]}."
        )
    merged = DetectionTables(
        _joined([shard.detections for shard in shards]),
        _joined([shard.class_scores for shard in shards]),
        report,
        described[0],
    )
    merged.check_not_empty()
    return merged


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Put rows together by image id; the rows of one image keep their order."""
    rows = pa.concat_tables([part.replace_schema_metadata(None) for part in parts])
    order = np.argsort(rows["image_id"].to_numpy(), kind="stable")
    return rows.take(order).combine_chunks()
