"""Images with boxes: the strongest anomalies, flagged objects bright and named, everything else receding."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.coco.pictures import find_picture
from contextual_anomaly.detection.image_reading import ReadImage, UnreadableImage, read_image
from contextual_anomaly.report.frames import rows_of
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.runtime.paths import escapes_directory

logger = logging.getLogger(__name__)

WIDTH = 480  # pixels of an image in the page
JPEG_QUALITY = 80
FLAGGED, OTHER, PAPER, INK = (0, 94, 213), (235, 235, 235), (255, 255, 255), (40, 40, 40)  # BGR
DIMMED = 0.55  # brightness outside the flagged boxes
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SIZE = 0.5


@dataclass(frozen=True)
class GalleryImage:
    """One image of the gallery."""

    image_id: int
    shows: list[str]  # the annotated classes
    unexpected: list[tuple[str, float]]  # class and its probability
    missing: list[tuple[str, float]]
    link: str
    jpeg: bytes

    @property
    def alt(self) -> str:
        """The text for a reader who cannot see the image."""
        return f"image {self.image_id}, showing {', '.join(self.shows)}"


@dataclass(frozen=True)
class Box:
    """A box in pixels from the image's top left corner."""

    x: float
    y: float
    width: float
    height: float
    name: str = ""  # written beside the box; nothing where empty

    def scaled(self, scale: float, left: float = 0, top: float = 0) -> "Box":
        """Return the box in an image that was cut at (left, top) and then resized by ``scale``."""
        return Box((self.x - left) * scale, (self.y - top) * scale, self.width * scale, self.height * scale, self.name)


def strongest(
    listing: pd.DataFrame, annotations: pd.DataFrame, sizes: Mapping[int, tuple[int, int]], folder: Path, count: int
) -> list[GalleryImage]:
    """Return the first ``count`` images of the listing that are in the folder.

    Args:
        listing: `tables.ANOMALIES`, the most surprising first.
        annotations: `tables.ANNOTATIONS` with a column name.
        sizes: Width and height by image_id.
        folder: Folder of the images.
        count: Images at most.
    """
    gallery: list[GalleryImage] = []
    for image_id, flags in listing.groupby("image_id", sort=False):
        if len(gallery) == count:
            break
        number = int(str(image_id))
        image = open_image(folder, str(flags["file_name"].iloc[0]), sizes.get(number))
        if image is None:
            continue
        objects = annotations[annotations["image_id"] == image_id]
        named: dict[str, list[tuple[str, float]]] = {"unexpected": [], "missing": []}
        for flag in rows_of(flags):
            named[flag.kind].append((flag.category, flag.probability))
        gallery.append(
            GalleryImage(
                image_id=number,
                shows=sorted(objects["name"].unique()),
                unexpected=named["unexpected"],
                missing=named["missing"],
                link=str(flags["link"].iloc[0]),
                jpeg=encode_jpeg(_with_objects(image, objects, [name for name, _ in named["unexpected"]])),
            )
        )
    return gallery


def open_image(folder: Path, name: str, size: tuple[int, int] | None) -> ReadImage | None:
    """Return an image as the detectors see it; None where it is not in the folder or cannot be read.

    Args:
        folder: Folder of the images.
        name: File name of the image in the annotations.
        size: Width and height in the annotations, which tell whether their boxes are of the turned image.
    """
    # A file name from an annotation file must not lead out of the folder; a link that the user has put there may.
    path = None if escapes_directory(name) else find_picture(folder, name)
    if path is None:
        return None
    try:
        return read_image(path, *(size or (None, None)))
    except UnreadableImage as problem:
        logger.info(f"{path}: {problem}; it is not shown")
        return None


def encode_jpeg(image: np.ndarray) -> bytes:
    """Return the image [height, width, 3] as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _with_objects(image: ReadImage, objects: pd.DataFrame, flagged: list[str]) -> np.ndarray:
    """Return the image at the width of the gallery with a box around each object.

    Args:
        image: The image.
        objects: Columns name, x, y, width and height.
        flagged: Classes whose objects stand out.
    """
    scale = WIDTH / image.width  # the pixels of a very large image are fewer than its size
    method = cv2.INTER_AREA if image.pixels.shape[1] > WIDTH else cv2.INTER_LINEAR
    resized = cv2.resize(image.pixels, (WIDTH, max(1, round(image.height * scale))), interpolation=method)
    boxes = [
        Box(row.x, row.y, row.width, row.height, row.name).scaled(scale)
        for row in rows_of(objects[objects["width"].notna()])
    ]
    of_flagged = [box for box in boxes if box.name in flagged]
    return with_boxes(resized, of_flagged, [box for box in boxes if box.name not in flagged])


def with_boxes(image: np.ndarray, flagged: list[Box], others: list[Box]) -> np.ndarray:
    """Return the image with flagged boxes bright and named, and other boxes thin, nameless and dimmed.

    Names stand beside their boxes, not over what they name, wherever the image has room for them.
    """
    drawn = image.copy()
    for box in others:
        cv2.rectangle(drawn, *_corners(box), OTHER, 1, cv2.LINE_AA)
    if flagged:
        lit = np.zeros(image.shape[:2], bool)
        for box in flagged:
            (left, top), (right, bottom) = _corners(box)
            lit[max(top, 0) : max(bottom, 0) + 1, max(left, 0) : max(right, 0) + 1] = True
        drawn = np.where(lit[..., None], image, (DIMMED * drawn).astype(np.uint8))
    for box in flagged:
        cv2.rectangle(drawn, *_corners(box), FLAGGED, 3, cv2.LINE_AA)
    taken: list[tuple[int, int, int, int]] = []
    largest = {box.name: box for box in sorted(flagged, key=lambda box: box.width * box.height) if box.name}
    for box in largest.values():  # a name stands once, at the largest box that has it
        taken.append(_write_name(drawn, box, taken))
    return drawn


def _corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    return (round(box.x), round(box.y)), (round(box.x + box.width), round(box.y + box.height))


def _write_name(image: np.ndarray, box: Box, taken: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """Write a box's name above it, or below it, or inside it, the first of these that is free; return its rectangle."""
    (width, height), _ = cv2.getTextSize(box.name, FONT, FONT_SIZE, 1)
    width, height = width + 6, height + 8
    (left, top), (_, bottom) = _corners(box)
    x = int(np.clip(left - 1, 0, max(image.shape[1] - width, 0)))
    places = [y for y in (top - height, bottom + 2, top + 2) if 0 <= y <= image.shape[0] - height]
    places = places or [int(np.clip(top, 0, max(image.shape[0] - height, 0)))]

    def is_free(y: int) -> bool:
        return not any(x < b[2] and b[0] < x + width and y < b[3] and b[1] < y + height for b in taken)

    y = next((place for place in places if is_free(place)), places[0])
    cv2.rectangle(image, (x, y), (x + width, y + height), FLAGGED, cv2.FILLED)
    cv2.putText(image, box.name, (x + 3, y + height - 5), FONT, FONT_SIZE, PAPER, 1, cv2.LINE_AA)
    return x, y, x + width, y + height


def write_figure(gallery: list[GalleryImage], path: Path, columns: int = 3, rows: int = 2) -> None:
    """Write the first images as one PNG, each with its unexpected and missing classes below it.

    Where there is no image at all, the figure says so.
    """
    height, caption = 360, 64
    sheet = np.full(((height + caption) * rows, WIDTH * columns, 3), 255, np.uint8)
    if not gallery:
        cv2.putText(sheet, "No flagged image is in the folder of images.", (20, 40), FONT, 0.8, INK, 2)
    for number, shown in enumerate(gallery[: columns * rows]):
        image = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None  # it was encoded above
        scale = min(height / image.shape[0], (WIDTH - 12) / image.shape[1])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        top, left = number // columns * (height + caption), number % columns * WIDTH + 6
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
        lines = [f"unexpected: {name} (probability {value:.2g})" for name, value in shown.unexpected]
        lines += [f"missing: {name} (probability {value:.2g})" for name, value in shown.missing]
        for line, text in enumerate(lines[:2]):
            at = (left, top + image.shape[0] + 22 + 22 * line)
            cv2.putText(sheet, text, at, FONT, 0.55, INK, 1, cv2.LINE_AA)
    with atomic_write(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
