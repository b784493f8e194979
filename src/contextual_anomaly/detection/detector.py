"""A detector over images: boxes, the largest confidence of every class, and what became of each image."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import pandas as pd

from contextual_anomaly.detection.detections import ABSENT, REPORT, RUN, UNREADABLE, DetectionTables
from contextual_anomaly.detection.image_reading import ahead, read_image
from contextual_anomaly.detection.letterbox import Placement
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.suppression import box_non_max_suppression
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

MANY = 0.1  # of the boxes; a few of no confidence may be anything


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
    networks: Sequence[Network],
    columns: np.ndarray,
    categories: pd.DataFrame,
    images: pd.DataFrame,
    folder: Path,
    score_threshold: float,
    nms_threshold: float,
    threads: int,
) -> DetectionTables:
    """The network once on every image of ``images`` that can be read.

    Images are read and prepared ahead in threads, put into batches, and run by whichever network is free; each network
    has a thread of its own, so that while one computes the others do, too.

    Args:
        networks: the same network, as often as it is to run side by side.
        columns: [outputs] of each output of the network, the row in ``categories``.
        images: as `shard_of` gives them.
        score_threshold: boxes at or below it are not kept; the confidences of classes know no threshold.
        threads: that read images ahead of the networks.

    Raises:
        UserError: the network's answers make no sense.
    """
    category_ids = categories["category_id"].to_numpy()
    rows = images.to_dict("records")
    waiting = [row for row in rows if row["status"] == RUN]

    def prepare(row: dict) -> tuple[dict, Placement | str, np.ndarray | None]:
        image = read_image(folder / row["file_name"])
        return (row, image, None) if isinstance(image, str) else (row, *networks[0].prepare(image))

    free: SimpleQueue[Network] = SimpleQueue()
    for network in networks:
        free.put(network)

    def detect(batch: list) -> list[tuple[dict, "Placement | str", "_Found | None"]]:
        blobs = [blob for _, _, blob in batch if blob is not None]
        network = free.get()
        try:
            answers = iter(network.detect(*blobs) if blobs else ())
        finally:
            free.put(network)
        return [
            (row, place, None if blob is None else found_in(row, place, *next(answers))) for row, place, blob in batch
        ]

    def found_in(row: dict, place: Placement, corners: np.ndarray, confidences: np.ndarray) -> _Found:
        best = np.zeros(len(category_ids), np.float32)
        best[columns] = confidences.max(0)
        # What is not decoded has logarithms for sizes: of small boxes, below zero.
        inverted = ((corners[:, 2:] - corners[:, :2]) < -0.01).any(1).mean() > MANY
        likely = (confidences > score_threshold).any(1)
        corners, confidences = corners[likely], confidences[likely]
        if inverted or not np.isfinite(corners).all():
            what = "have sides below zero" if inverted else "are not finite"
            raise UserError(
                f"{networks[0].path}: boxes of {row['file_name']} {what}. Does the file decode its output itself, and the "
                "family does, too, or does neither?"
            )
        corners, of_output, score = box_non_max_suppression(corners, confidences, score_threshold, nms_threshold)
        return _Found(_rows(category_ids[columns[of_output]], score, place.to_image(corners)), best)

    batches = _batches(ahead(prepare, waiting, threads), networks[0].batch)
    done = chain.from_iterable(ahead(detect, batches, len(networks)))
    boxes, scores, image_ids = [], [], []
    for row, place, found in track(done, "detecting", total=len(waiting), unit="images"):
        if found is None:
            row |= {"status": UNREADABLE, "problem": place}
            logger.info(f"{folder / row['file_name']}: {place}; the image is left out")
            continue
        if (place.width, place.height) != (row["width"], row["height"]):
            row["problem"] = (
                f"is {place.width} × {place.height} pixels, the annotations say {row['width']} × {row['height']}"
            )
            logger.info(f"{folder / row['file_name']}: {row['problem']}")
        boxes.append(found.boxes)
        scores.append(found.scores)
        image_ids.append(row["image_id"])
    return DetectionTables.of(categories, image_ids, boxes, scores, pd.DataFrame(rows, columns=REPORT))


class _Found(NamedTuple):
    boxes: np.ndarray  # [K, 6], columns of `tables.DETECTIONS` from the second on
    scores: np.ndarray  # [C] the largest confidence of each class


def _batches(prepared: Iterable[tuple], size: int) -> Iterator[list[tuple]]:
    """As they come, in lists with ``size`` images that could be read; those that could not go along."""
    batch: list[tuple] = []
    readable = 0
    for item in prepared:
        batch.append(item)
        readable += item[2] is not None
        if readable == size:
            yield batch
            batch, readable = [], 0
    if batch:
        yield batch


def _rows(category_id: np.ndarray, score: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """[K, 6] columns of `tables.DETECTIONS` from the second on; boxes of which nothing lies in the image are left out."""
    size = corners[:, 2:] - corners[:, :2]
    rows = np.column_stack([category_id, score, corners[:, :2], size])
    return rows[(size > 0).all(1)]
