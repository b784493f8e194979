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
from contextual_anomaly.drawing import FONT, INK, Box, annotated_image
from contextual_anomaly.report.frames import rows_of
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.runtime.paths import escapes_directory
from contextual_anomaly.stats.boxes import BOX

logger = logging.getLogger(__name__)

WIDTH = 480  # pixels of an image in the page
GAP, HIGHEST = 6, 430  # pixels around an image of the figure, and its height at most
JPEG_QUALITY = 80


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
    usual = _usual_boxes(annotations, sizes)
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
                jpeg=encode_jpeg(_with_findings(image, objects, usual, **named)),
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


def at_gallery_width(image: ReadImage) -> tuple[np.ndarray, float]:
    """Return the pixels of an image as wide as those of the gallery, and by how much its boxes shrink."""
    scale = WIDTH / image.width  # the pixels of a very large image are fewer than its size
    size = (WIDTH, max(1, round(image.height * scale)))
    method = cv2.INTER_AREA if image.pixels.shape[1] > WIDTH else cv2.INTER_LINEAR
    return cv2.resize(image.pixels, size, interpolation=method), scale


def encode_jpeg(image: np.ndarray) -> bytes:
    """Return the image [height, width, 3] as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _usual_boxes(annotations: pd.DataFrame, sizes: Mapping[int, tuple[int, int]]) -> dict[str, np.ndarray]:
    """Return the median box of each class: x, y, width and height as shares of the image's width and height."""
    boxed = annotations[annotations["width"].notna() & annotations["image_id"].isin(list(sizes))]
    if not len(boxed):
        return {}
    of_image = np.array([sizes[image_id] for image_id in boxed["image_id"]], float)
    shares = boxed[BOX].to_numpy(float) / np.tile(of_image, 2)
    # All classes in one go: one by one they would take images × classes.
    medians = pd.DataFrame(shares).groupby(boxed["name"].to_numpy()).median()
    return dict(zip(medians.index, medians.to_numpy(), strict=True))


def _with_findings(
    image: ReadImage,
    objects: pd.DataFrame,
    usual: Mapping[str, np.ndarray],
    unexpected: list[tuple[str, float]],
    missing: list[tuple[str, float]],
) -> np.ndarray:
    """Return the image at the width of the gallery with its findings.

    Args:
        image: The image.
        objects: Columns name, x, y, width and height.
        usual: Box of each class where a missing object would usually be, in shares of the image.
        unexpected: Classes whose objects stand out, with their probabilities.
        missing: Classes that are missing, with their probabilities; the first has its usual box in the image.
    """
    resized, scale = at_gallery_width(image)
    size = resized.shape[1::-1]
    flagged, others = [], []
    said = {name: f"{name} {percent(probability)}" for name, probability in unexpected}
    for row in rows_of(objects[objects["width"].notna()]):
        box = Box(row.x, row.y, row.width, row.height, said.get(row.name, "")).scaled(scale)
        (flagged if row.name in said else others).append(box)
    gaps = [Box(*(usual[name] * np.tile(size, 2))) for name, _ in missing[:1] if name in usual]
    return annotated_image(
        resized, flagged, others, [f"{name} {percent(probability)}" for name, probability in missing], gaps
    )


def percent(probability: float) -> str:
    """Return a probability in per cent: two digits of a small one, else whole ones."""
    return f"{100 * probability:.2g} %" if probability < 0.01 else f"{100 * probability:.0f} %"


def write_figure(gallery: list[GalleryImage], path: Path, columns: int = 3, rows: int = 2) -> None:
    """Write the first images as one PNG. Where there is no image at all, the figure says so."""
    shown = [_fitted(image.jpeg, WIDTH - 2 * GAP, HIGHEST) for image in gallery[: columns * rows]]
    sheet = np.full((60, WIDTH * columns, 3), 255, np.uint8)
    if not shown:
        cv2.putText(sheet, "No flagged image is in the folder of images.", (20, 40), FONT, 0.8, INK, 2)
    for start in range(0, len(shown), columns):
        of_row = shown[start : start + columns]
        row = np.full((max(map(len, of_row)) + GAP, WIDTH * columns, 3), 255, np.uint8)
        for number, image in enumerate(of_row):
            left = number * WIDTH + GAP
            row[: image.shape[0], left : left + image.shape[1]] = image
        sheet = np.concatenate([sheet, row]) if start else row
    with atomic_write(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())


def _fitted(jpeg: bytes, width: int, height: int) -> np.ndarray:
    """Return an image of the gallery, shrunk so that it is no wider and no higher than these pixels."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # it was encoded above
    scale = min(height / image.shape[0], width / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
