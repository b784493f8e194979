"""Checked images as files, with what is flagged drawn into them; and all answers beside them."""

from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.drawing import Box, annotated_image
from contextual_anomaly.runtime.atomic import atomic_write

ANSWERS = "answers.jsonl"
QUALITY = 90  # of JPEG, 0 to 100


class Saver:
    """Writes into a folder; `answers.jsonl` grows as answers come, an image is there when it is whole."""

    def __init__(self, folder: Path, image_folder: Path | None = None) -> None:
        """Make the folder.

        Args:
            folder: where the files go; those of an earlier check are replaced.
            image_folder: where the images of annotations and detections lie.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.image_folder = folder, image_folder
        self._taken: set[str] = set()
        self._drawn = False
        self._answers = (folder / ANSWERS).open("w", encoding="utf-8")

    def draw(self, result: CheckResult, pixels: np.ndarray) -> None:
        """Write the image of an answer.

        Args:
            result: the answer.
            pixels: [h, w, 3] of blue, green and red; smaller than the image by one factor where that is very large.
        """
        self._drawn = True
        scale = pixels.shape[1] / (result.width or pixels.shape[1])
        boxes = [
            (found, Box(*found.box, found.category).scaled(scale)) for found in result.objects if found.box is not None
        ]
        drawn = annotated_image(
            pixels,
            [box for found, box in boxes if found.flagged],
            [box for found, box in boxes if not found.flagged],
            [found.category for found in result.missing],
        )
        with atomic_write(self.folder / self._name(result)) as temporary:
            temporary.write_bytes(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())

    def write(self, result: CheckResult) -> None:
        """Write an answer; its image as well, where it was not drawn and lies in the folder of images."""
        if not self._drawn and result.error is None and (path := self._picture(result)):
            from contextual_anomaly.detection.image_reading import UnreadableImage, read_image

            with suppress(UnreadableImage):
                self.draw(result, read_image(path, result.width, result.height).pixels)
        self._drawn = False
        self._answers.write(result.to_json() + "\n")
        self._answers.flush()

    def close(self) -> dict[str, str]:
        """Close the file of answers."""
        self._answers.close()
        return {}

    def _picture(self, result: CheckResult) -> Path | None:
        from contextual_anomaly.coco.pictures import find_picture

        if self.image_folder is None or not result.file_name or result.line is not None:
            return None
        return find_picture(self.image_folder, result.file_name)

    def _name(self, result: CheckResult) -> str:
        """Return a name that no other image of the folder has."""
        stem = Path(result.file_name or result.source).stem
        if result.frame is not None:
            stem = f"{stem}_{result.frame:06}"
        name, number = f"{stem}.jpg", 1
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}.jpg"
        self._taken.add(name)
        return name
