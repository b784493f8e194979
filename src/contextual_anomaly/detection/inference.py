"""A detector over images: boxes, the largest confidence of every class, and what became of each image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from contextual_anomaly.detection.images import ahead, read_image
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.results import ABSENT, REPORT, RUN, UNREADABLE, Results
from contextual_anomaly.detection.suppression import suppress
from contextual_anomaly.errors import UserError
from contextual_anomaly.progress import say, track


def shard_of(images: pd.DataFrame, folder: Path, shard: int, shards: int) -> pd.DataFrame:
    """The rows of one shard: every ``shards``-th image, from number ``shard`` on.

    Returns:
        image_id, file_name, width, height, status (`RUN`, still to be done, or `ABSENT` from ``folder``) and problem.

    Raises:
        UserError: there is no such folder or shard, or the folder holds no image of the whole table.
    """
    if not 0 <= shard < shards:
        raise UserError(f"shard {shard} of {shards}: a number from 0 to {shards - 1} was expected.")
    if not folder.is_dir():
        raise UserError(f"{folder}: a folder of images was expected, there is none.")
    there = np.array([(folder / name).is_file() for name in images["file_name"]])
    if not there.any():
        raise UserError(
            f"{folder}: none of the {len(images):,} images of the data set is there; "
            f"files named like {images['file_name'].iloc[0]} were expected."
        )
    rows = images[["image_id", "file_name", "width", "height"]].assign(status=np.where(there, RUN, ABSENT), problem="")
    return rows.iloc[shard::shards].reset_index(drop=True)


def run(
    network: Network,
    columns: np.ndarray,
    categories: pd.DataFrame,
    images: pd.DataFrame,
    folder: Path,
    score_threshold: float,
    nms_threshold: float,
    threads: int,
) -> Results:
    """The network once on every image of ``images`` that can be read.

    Args:
        columns: [outputs] of each output of the network, the row in ``categories``.
        images: as `shard_of` gives them.
        score_threshold: boxes at or below it are not kept; the confidences of classes know no threshold.
        threads: that read images ahead of the network.

    Raises:
        UserError: the network's answers make no sense.
    """
    category_ids = categories["category_id"].to_numpy()
    rows = images.to_dict("records")
    waiting = [row for row in rows if row["status"] == RUN]
    boxes, scores, done = [], [], []
    for row, prepared in track(
        _prepared(network, folder, waiting, threads), "detecting", total=len(waiting), unit="images"
    ):
        if isinstance(prepared, str):
            row |= {"status": UNREADABLE, "problem": prepared}
            say(f"{folder / row['file_name']}: {prepared}; the image is left out")
            continue
        box, blob = prepared
        if (box.width, box.height) != (row["width"], row["height"]):
            row["problem"] = (
                f"is {box.width} × {box.height} pixels, the annotations say {row['width']} × {row['height']}"
            )
            say(f"{folder / row['file_name']}: {row['problem']}")
        corners, confidences = network.detect(blob)
        best = np.zeros(len(category_ids), np.float32)
        best[columns] = confidences.max(0)
        if not np.isfinite(corners[confidences.max(1) > score_threshold]).all():
            raise UserError(
                f"{network.path}: boxes of {row['file_name']} are not finite. Does the file decode its output itself, "
                "or is it of another family?"
            )
        corners, of_output, score = suppress(corners, confidences, score_threshold, nms_threshold)
        boxes.append(_rows(category_ids[columns[of_output]], score, box.to_image(corners)))
        scores.append(best)
        done.append(row["image_id"])
    report = pd.DataFrame(rows, columns=REPORT)
    return Results.of(categories, done, boxes, scores, report)


def _prepared(network: Network, folder: Path, rows: list[dict], threads: int) -> Iterator:
    """Each row with its letterbox and input, or with why there are none."""

    def prepare(row: dict):
        image = read_image(folder / row["file_name"])
        return row, image if isinstance(image, str) else network.prepare(image)

    return ahead(prepare, rows, threads)


def _rows(category_id: np.ndarray, score: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """[K, 6] columns of `tables.DETECTIONS` from the second on; boxes of which nothing lies in the image are left out."""
    size = corners[:, 2:] - corners[:, :2]
    rows = np.column_stack([category_id, score, corners[:, :2], size])
    return rows[(size > 0).all(1)]
