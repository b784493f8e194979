"""The strongest anomalies as pictures: every annotated object in a box, the unexpected ones in a loud one."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.runtime.paths import escapes_directory

WIDTH = 480  # pixels of a picture in the page
UNEXPECTED, OTHER, PAPER = (0, 94, 213), (235, 235, 235), (255, 255, 255)  # BGR
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Picture:
    """One image of the gallery."""

    image_id: int
    shows: list[str]
    unexpected: list[tuple[str, float]]  # class, expectation
    missing: list[tuple[str, float]]
    link: str
    jpeg: bytes

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told."""
        return f"image {self.image_id}, showing {', '.join(self.shows)}"


def strongest(listing: pd.DataFrame, annotations: pd.DataFrame, folder: Path, count: int) -> list[Picture]:
    """The first ``count`` images of the listing that are in the folder.

    Args:
        listing: `tables.ANOMALIES`, the most surprising first.
        annotations: `tables.ANNOTATIONS` with a column name.
    """
    pictures: list[Picture] = []
    for image_id, flags in listing.groupby("image_id", sort=False):
        if len(pictures) == count:
            break
        image = read_picture(folder, flags["file_name"].iloc[0])
        if image is None:
            continue
        objects = annotations[annotations["image_id"] == image_id]
        named = {
            kind: list(of_kind[["category", "probability"]].itertuples(index=False, name=None))
            for kind, of_kind in flags.groupby("kind")
        }
        odd = [category for category, _ in named.get("unexpected", [])]
        pictures.append(
            Picture(
                image_id=int(image_id),
                shows=sorted(objects["name"].unique()),
                unexpected=named.get("unexpected", []),
                missing=named.get("missing", []),
                link=flags["link"].iloc[0],
                jpeg=cv2.imencode(".jpg", _with_boxes(image, objects, odd), [cv2.IMWRITE_JPEG_QUALITY, 80])[
                    1
                ].tobytes(),
            )
        )
    return pictures


def read_picture(folder: Path, name: str) -> np.ndarray | None:
    """The image [height, width, 3] (BGR), None where it is not in the folder or cannot be read."""
    path = folder / name
    # A file name from an annotation file must not lead out of the folder; a link that the user has put there may.
    if escapes_directory(name) or not path.is_file() or not path.stat().st_size:
        return None
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def _with_boxes(image: np.ndarray, objects: pd.DataFrame, odd: list[str]) -> np.ndarray:
    scale = WIDTH / image.shape[1]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, (WIDTH, round(image.shape[0] * scale)), interpolation=method)
    boxed = objects[objects["width"].notna()]
    loud_last = boxed.assign(loud=boxed["name"].isin(odd)).sort_values("loud", kind="stable")
    for box in loud_last.itertuples():
        size = box.width * scale, box.height * scale
        draw_box(image, box.name, (box.x * scale, box.y * scale), size, box.loud)
    return image


def draw_box(
    image: np.ndarray, name: str, corner: tuple[float, float], size: tuple[float, float], loud: bool = False
) -> None:
    """A named box by its left top corner and its width and height in pixels, thin or loud, into the image."""
    colour, thickness = (UNEXPECTED, 3) if loud else (OTHER, 1)
    first = round(corner[0]), round(corner[1])
    opposite = round(corner[0] + size[0]), round(corner[1] + size[1])
    cv2.rectangle(image, first, opposite, colour, thickness, cv2.LINE_AA)
    _label(image, name, first, colour, 0.5 if loud else 0.36)


def _label(image: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    (width, height), _ = cv2.getTextSize(text, FONT, size, 1)
    x = int(np.clip(corner[0], 0, max(image.shape[1] - width - 4, 0)))
    y = int(np.clip(corner[1], height + 4, image.shape[0] - 2))
    cv2.rectangle(image, (x, y - height - 4), (x + width + 4, y + 2), colour, cv2.FILLED)
    ink = PAPER if colour == UNEXPECTED else (40, 40, 40)
    cv2.putText(image, text, (x + 2, y - 2), FONT, size, ink, 1, cv2.LINE_AA)


def write_figure(pictures: list[Picture], path: Path, columns: int = 3, rows: int = 2) -> None:
    """The first pictures as one PNG, each with what is odd about it written below.

    Where there is no picture at all, a line that says so.
    """
    height, caption = 360, 64
    sheet = np.full(((height + caption) * rows, WIDTH * columns, 3), 255, np.uint8)
    if not pictures:
        cv2.putText(sheet, "No flagged image is in the folder of images.", (20, 40), FONT, 0.8, (40, 40, 40), 2)
    for number, picture in enumerate(pictures[: columns * rows]):
        image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
        scale = min(height / image.shape[0], (WIDTH - 12) / image.shape[1])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = number // columns * (height + caption), number % columns * WIDTH + 6
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
        said = [f"unexpected: {name} ({value:.2g})" for name, value in picture.unexpected]
        said += [f"missing: {name} ({value:.2g})" for name, value in picture.missing]
        for line, text in enumerate(said[:2]):
            at = (left, top + image.shape[0] + 22 + 22 * line)
            cv2.putText(sheet, text, at, FONT, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    with atomic_write(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
