"""A detector for single images, one after another and without tables: for live use.

`detector.Detector` runs over the images of a data set and keeps what it finds; here, each image is answered as soon as its
turn comes, and nothing is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

import cv2

from contextual_anomaly.detection.detector_families.registry import DETECTOR_FAMILIES
from contextual_anomaly.detection.image_boxes import boxes_in_image
from contextual_anomaly.detection.image_reading import ReadImage, UnreadableImage, map_ahead
from contextual_anomaly.detection.network import Network
from contextual_anomaly.detection.onnx_header import OnnxHeader
from contextual_anomaly.detection.sessions import ON_PROCESSOR, available
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.choices import Backend, DetectorFamily

T = TypeVar("T")


class DetectedImage(NamedTuple):
    """What a detector found in an image.

    Attributes:
        image: the image itself.
        names: K class names, by falling score.
        scores: K scores, 0 to 1.
        boxes: K boxes: x, y, width and height in pixels of the image.
    """

    image: ReadImage
    names: list[str]
    scores: list[float]
    boxes: list[tuple[float, float, float, float]]


@dataclass(frozen=True)
class ImageDetector:
    """A loaded detector.

    Attributes:
        networks: the same network, as often as it runs side by side.
        names: of the classes, in the order of the network's outputs.
        score_threshold: boxes at or below it are not kept.
        nms_threshold: of two boxes of one class that overlap more, the weaker is suppressed.
    """

    networks: Sequence[Network]
    names: list[str]
    score_threshold: float = 0.05
    nms_threshold: float = 0.5

    @classmethod
    def load(
        cls,
        weights: str | Path,
        family: DetectorFamily | str,
        names: Sequence[str] | None = None,
        header: OnnxHeader | None = None,
        backend: Backend | str = Backend.cpu,
        threads: int = 1,
        score_threshold: float = 0.05,
    ) -> "ImageDetector":
        """Load an ONNX file.

        Args:
            weights: the file.
            family: which form its output has.
            names: of the classes, in the order of the outputs; None for those of the file.
            header: what is known of the file, so that it need not be read with onnx.
            backend: what the network runs on.
            threads: networks side by side, on the processor.
            score_threshold: boxes at or below it are not kept.

        Raises:
            UserError: the file is missing or of another kind, or there are no names, or not as many as classes.
        """
        chosen = available(backend)
        if chosen in ON_PROCESSOR:
            cv2.setNumThreads(1)
        form = DETECTOR_FAMILIES[family]

        def network() -> Network:
            classes = None if names is None else len(names)
            return Network(Path(weights), str(family), form, False, chosen, 1, classes, 0, header)

        first = network()
        found = list(names or first.names or [])
        if not found:
            raise UserError(
                f"{weights}: has no class names of its own; give a file with one name a line as --class-names."
            )
        if len(found) != first.classes:
            raise UserError(f"{weights}: {len(found)} class names, but its output has {first.classes} classes.")
        side_by_side = threads if first.backend in ON_PROCESSOR else 1
        return cls([first, *(network() for _ in range(side_by_side - 1))], found, score_threshold)

    def detect(self, image: ReadImage, name: str = "the image") -> DetectedImage:
        """Return the objects of one image.

        Args:
            image: the image.
            name: of the image, for messages.

        Raises:
            UserError: the network's answers make no sense.
        """
        return self._detect(self.networks[0], image, name)

    def detect_many(
        self, jobs: Iterable[tuple[T, Callable[[], ReadImage]]], threads: int = 1
    ) -> Iterator[tuple[T, DetectedImage | UnreadableImage]]:
        """Yield the objects of one image after another, in their order, while the next ones are read and detected.

        Args:
            jobs: what an image is called, and a function that reads it.
            threads: threads that read images.

        Yields:
            What the image is called, and its objects, or why it cannot be read.

        Raises:
            UserError: the network's answers make no sense.
        """
        free: SimpleQueue[Network] = SimpleQueue()
        for network in self.networks:
            free.put(network)

        def read(job: tuple[T, Callable[[], ReadImage]]) -> tuple[T, ReadImage | UnreadableImage]:
            try:
                return job[0], job[1]()
            except UnreadableImage as problem:
                return job[0], problem

        def detect(item: tuple[T, ReadImage | UnreadableImage]) -> tuple[T, DetectedImage | UnreadableImage]:
            key, image = item
            if isinstance(image, UnreadableImage):
                return key, image
            network = free.get()
            try:
                return key, self._detect(network, image, str(key))
            finally:
                free.put(network)

        yield from map_ahead(detect, map_ahead(read, jobs, threads), len(self.networks))

    def _detect(self, network: Network, image: ReadImage, name: str) -> DetectedImage:
        place, blob = network.prepare(image.pixels, (image.width, image.height))
        ((corners, scores),) = network.detect(blob)
        found = boxes_in_image(network, name, place, corners, scores, self.score_threshold, self.nms_threshold)
        names = [self.names[output] for output in found.output.tolist()]
        return DetectedImage(image, names, found.score.tolist(), [tuple(box) for box in found.box.tolist()])
