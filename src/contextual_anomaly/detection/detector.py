"""A detector over images: boxes, the largest score of every class, and what became of each image."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.detection.detections import ABSENT, REPORT, RUN, UNREADABLE, DetectionTables
from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.image_boxes import boxes_in_image
from contextual_anomaly.detection.image_reading import ReadImage, UnreadableImage, find_files, map_ahead, read_image
from contextual_anomaly.detection.letterbox import Placement
from contextual_anomaly.detection.names import match_names, read_names
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.onnx_header import has_names
from contextual_anomaly.detection.sessions import ON_PROCESSOR, available
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import digest
from contextual_anomaly.runtime.choices import Backend, DetectorFamily, Resize
from contextual_anomaly.runtime.paths import IMAGE_SUFFIXES
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

MANY_WRONG = 0.5  # of the boxes of all images


def shard_of(images: pd.DataFrame, folder: Path, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """Choose the images of one shard: every ``shards``-th, from number ``shard`` on.

    Args:
        images: Rows of `tables.IMAGES`.
        folder: Where the files are.
        shard: Number of the shard, from 0 on.
        shards: Number of shards.

    Returns:
        Columns image_id, file_name, width, height, status (`RUN`, still to be done, or `ABSENT` from ``folder``), problem.

    Raises:
        UserError: There is no such folder or shard, or the folder holds no image of the whole table.
    """
    if not 0 <= shard < shards:
        raise UserError(f"shard {shard} of {shards}: a number from 0 to {shards - 1} was expected.")
    if not folder.is_dir():
        raise UserError(f"{folder}: a folder of images was expected, there is none.")
    there = np.array([path is not None for path in find_files(folder, images["file_name"])])
    if not there.any():
        raise UserError(
            f"{folder}: none of the {len(images):,} images of the data set is there; "
            f"files named like {images['file_name'].iloc[0]} were expected."
        )
    rows = images[["image_id", "file_name", "width", "height"]].assign(status=np.where(there, RUN, ABSENT), problem="")
    return rows.iloc[shard::shards].reset_index(drop=True)


def images_of(folder: Path) -> pd.DataFrame:
    """List the images of a folder that nobody has annotated, in the order of their names.

    Args:
        folder: Its files with the endings of `IMAGE_SUFFIXES` are taken, not those of folders in it.

    Returns:
        Columns image_id (from 1 on), file_name, width and height (0: not known before the image is read).

    Raises:
        UserError: There is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: a folder of images was expected, there is none.")
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not names:
        raise UserError(
            f"{folder}: no image is there; files with the endings {', '.join(IMAGE_SUFFIXES)} were expected."
        )
    return pd.DataFrame({"image_id": np.arange(1, len(names) + 1), "file_name": names, "width": 0, "height": 0})


@dataclass(frozen=True)
class Detector:
    """A loaded detector for the classes of a data set."""

    networks: Sequence[Network]  # the same network, as often as it runs side by side
    columns: np.ndarray  # [outputs] for each class of the network, the row in ``categories``
    categories: pd.DataFrame  # rows of `tables.CATEGORIES`
    score_threshold: float = 0.01  # boxes at or below it are not kept; class scores know no threshold
    nms_threshold: float = 0.5  # of two boxes of one class that overlap more, the weaker is suppressed

    @classmethod
    def load(
        cls,
        weights: str | Path,
        family: DetectorFamily | str,
        categories: pd.DataFrame | None,
        names: str | Path | None = None,
        resize: Resize | str = Resize.letterbox,
        backend: Backend | str = Backend.cpu,
        batch_size: int = 1,
        input_size: int = 0,
        threads: int = 1,
        score_threshold: float = 0.01,
        nms_threshold: float = 0.5,
    ) -> "Detector":
        """Load an ONNX file and match its classes with those of the data set.

        Args:
            weights: The ONNX file.
            family: Which form its output has.
            categories: Rows of `tables.CATEGORIES`; None for the network's own classes, numbered from 1 on.
            names: Text or YAML file of class names in the order of the network's outputs; None for those of the ONNX
                file, or the data set's own order if it has none.
            resize: How images are fitted into the network's input.
            backend: What the network runs on; the processor takes its place where it is not available.
            batch_size: Images at a time, for files that leave that open.
            input_size: Width and height of the input in pixels, for files that leave that open.
            threads: Networks side by side, on the processor.
            score_threshold: Boxes at or below it are not kept.
            nms_threshold: Intersection over union above which the weaker of two boxes of one class is suppressed.

        Raises:
            UserError: A file is missing or of another kind, or the classes do not match.
        """
        weights = Path(weights)
        in_dataset = None if categories is None else categories["name"].tolist()
        chosen = available(backend)
        if chosen in ON_PROCESSOR:
            cv2.setNumThreads(1)
        given = read_names(names) if names else None
        form, stretched = DETECTOR_FAMILIES[family], Resize(resize) is Resize.stretch

        def network(classes: int | None) -> Network:
            return Network(weights, str(family), form, stretched, chosen, batch_size, classes, input_size)

        first = network(len(given) if given else len(in_dataset) if in_dataset and not has_names(weights) else None)
        if categories is None or in_dataset is None:
            in_dataset = given or first.names
            if in_dataset is None:
                raise UserError(f"{weights}: has no class names of its own; give them as --names, or --categories.")
            numbers = np.arange(1, len(in_dataset) + 1)
            categories = pd.DataFrame({"category_id": numbers, "name": in_dataset, "supercategory": ""})
        if given:
            names_of = str(names)
        elif first.names:
            given, names_of = first.names, f"{weights}: metadata"
        else:
            given, names_of = (
                in_dataset,
                f"{weights} has no class names of its own, so those of the data set were taken",
            )
            logger.warning(
                f"{weights}: has no class names of its own, so the data set's order was taken: output 0 is "
                f"{in_dataset[0]!r}, the last {in_dataset[-1]!r}. If the network was trained with another order, give --names."
            )
        columns = match_names(given, names_of, first.classes, in_dataset)
        networks = [first] + [network(len(given)) for _ in range(threads - 1) if first.backend in ON_PROCESSOR]
        width, height = first.input_size
        logger.info(
            f"{weights.name}: {family}, {first.classes} classes, input {width} × {height}, {first.batch} at a time; "
            f"{first.engine()}, {len(networks)} side by side"
        )
        return cls(networks, columns, categories, score_threshold, nms_threshold)

    def detect(self, images: pd.DataFrame, folder: Path, threads: int = 1) -> DetectionTables:
        """Run the network once on every image that can be read.

        Images are read and prepared ahead in threads, put into batches, and run by whichever network is free; each
        network has a thread of its own, so that while one computes the others do, too.

        Args:
            images: From `shard_of`.
            folder: Where the files are.
            threads: Threads that read images ahead of the networks.

        Raises:
            UserError: The network's answers make no sense.
        """
        first = self.networks[0]
        rows = images.to_dict("records")
        waiting = [row for row in rows if row["status"] == RUN]
        jobs = zip(waiting, find_files(folder, (row["file_name"] for row in waiting)), strict=True)

        def prepare(job: tuple[dict, Path | None]) -> _Prepared:
            row, path = job
            try:
                image = read_image(path or folder / row["file_name"], row["width"], row["height"])
            except UnreadableImage as problem:
                return _Prepared(row, str(problem), None, None)
            place, blob = first.prepare(image.pixels, (image.width, image.height))
            return _Prepared(row, _remark(row, image), place, blob)

        free: SimpleQueue[Network] = SimpleQueue()
        for network in self.networks:
            free.put(network)

        def detect(batch: list[_Prepared]) -> list[tuple[_Prepared, _Found | None]]:
            blobs = [item.blob for item in batch if item.blob is not None]
            network = free.get()
            try:
                answers = iter(network.detect(*blobs) if blobs else ())
            finally:
                free.put(network)
            return [(item, None if item.place is None else self._boxes_of(item, *next(answers))) for item in batch]

        batches = _batches(map_ahead(prepare, jobs, threads), first.batch)
        done = chain.from_iterable(map_ahead(detect, batches, len(self.networks)))
        found: dict[int, _Found] = {}
        for item, boxes in track(done, "detecting", total=len(waiting), unit="images"):
            item.row["problem"] = item.remark
            if item.remark:
                left_out = "" if boxes else "; the image is left out"
                logger.info(f"{folder / item.row['file_name']}: {item.remark}{left_out}")
            if boxes is None:
                item.row["status"] = UNREADABLE
            else:
                found[item.row["image_id"]] = boxes
        self._check(found.values())
        boxes, scores = [part.boxes for part in found.values()], [part.scores for part in found.values()]
        tables = DetectionTables.of(self.categories, list(found), boxes, scores, pd.DataFrame(rows, columns=REPORT))
        return tables.with_metadata(self._metadata())

    def _boxes_of(self, item: "_Prepared", corners: np.ndarray, scores: np.ndarray) -> "_Found":
        """Suppress overlapping boxes of one image and take the others back into the image."""
        network = self.networks[0]
        best = np.zeros(len(self.categories), np.float32)
        if len(scores):
            best[self.columns] = scores.max(0)
        assert item.place is not None
        found = boxes_in_image(
            network, item.row["file_name"], item.place, corners, scores, self.score_threshold, self.nms_threshold
        )
        category_id = self.categories["category_id"].to_numpy()[self.columns[found.output]]
        rows = np.column_stack([category_id, found.score, found.box])
        return _Found(rows, best, found.outside, found.below_a_pixel)

    def _check(self, found: Iterable["_Found"]) -> None:
        """Refuse boxes that are none, with the likely cause."""
        boxes, outside, below_a_pixel = 0, 0, 0
        for part in found:
            boxes += len(part.boxes) + part.outside
            outside += part.outside
            below_a_pixel += part.below_a_pixel
        for count, what in ((outside, "lie outside their image"), (below_a_pixel, "are smaller than a pixel")):
            if count > MANY_WRONG * boxes:
                raise UserError(
                    f"{self.networks[0].path}: {count:,} of {boxes:,} boxes {what}: the file's output is not what was "
                    "assumed. Is it of another family, or does it give its boxes in other units than pixels of the input?"
                )

    def _metadata(self) -> dict[str, str]:
        """Return what the tables record of the detector."""
        first = self.networks[0]
        return {
            "weights": first.path.name,
            "weights_sha256": digest(first.path),
            "family": first.family_name,
            "resize": str(Resize.stretch if first.stretched else Resize.letterbox),
            "backend": str(first.backend),
            "batch": str(first.batch),
            "score_threshold": str(self.score_threshold),
            "nms_threshold": str(self.nms_threshold),
        }


class _Prepared(NamedTuple):
    """An image on its way into the network."""

    row: dict
    remark: str  # for the image report
    place: Placement | None  # None if the image cannot be read
    blob: np.ndarray | None


class _Found(NamedTuple):
    """What was found in one image."""

    boxes: np.ndarray  # [K, 6], columns of `tables.DETECTIONS` from the second on
    scores: np.ndarray  # [C] the largest score of each class
    outside: int  # boxes of which nothing lies in the image
    below_a_pixel: int


def _remark(row: dict, image: ReadImage) -> str:
    """Return what the image report says of an image that can be read."""
    known = row["width"] > 0 and row["height"] > 0  # the annotations may not give the size
    if not known or (image.width, image.height) == (row["width"], row["height"]):
        return image.remark
    differs = f"is {image.width} × {image.height} pixels, the annotations say {row['width']} × {row['height']}"
    return f"{image.remark}; {differs}" if image.remark else differs


def _batches(prepared: Iterable[_Prepared], size: int) -> Iterator[list[_Prepared]]:
    """Yield lists with ``size`` images that could be read, in order; those that could not go along."""
    batch: list[_Prepared] = []
    readable = 0
    for item in prepared:
        batch.append(item)
        readable += item.blob is not None
        if readable == size:
            yield batch
            batch, readable = [], 0
    if batch:
        yield batch
