"""Collects what a reader finds, in the shape of COCO's records."""

from typing import Any

from contextual_anomaly.coco.problems import ReadingReport

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif", ".heic", ".mpo")


class Records:
    """Images, classes and objects by their names, numbered in the order in which they are met."""

    def __init__(self, report: ReadingReport) -> None:
        """Start with nothing; readers note in ``report`` what they leave out."""
        self.report = report
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.categories: list[dict[str, Any]] = []
        self._image_of: dict[Any, dict[str, Any]] = {}
        self._category_of: dict[str, int] = {}

    def image(self, name: str, key: Any = None, **fields: Any) -> dict[str, Any]:
        """Return the image of that name, or of that key where names may repeat."""
        key = name if key is None else key
        if key not in self._image_of:
            self._image_of[key] = {"id": len(self.images) + 1, "file_name": name, **fields}
            self.images.append(self._image_of[key])
        return self._image_of[key]

    def category(self, name: str) -> int:
        """Return the number of the class of that name."""
        if name not in self._category_of:
            self._category_of[name] = len(self.categories) + 1
            self.categories.append({"id": self._category_of[name], "name": name})
        return self._category_of[name]

    def add(self, image: dict[str, Any], category: int, **fields: Any) -> None:
        """Add an object of a class to an image; fields as in COCO, bbox among them where it is known."""
        self.annotations.append({"image_id": image["id"], "category_id": category, **fields})

    def absent(self, image: dict[str, Any], category: int) -> None:
        """Note that annotators looked for a class in an image and did not find it."""
        image.setdefault("neg_category_ids", []).append(category)

    def content(self) -> dict[str, list]:
        """Return the three lists of a COCO file."""
        return {"images": self.images, "annotations": self.annotations, "categories": self.categories}


def note_relative_size(report: ReadingReport, name: str) -> None:
    """Note that boxes are shares of an image whose picture is not there to tell its size."""
    report.note(
        "image_size_relative", name, "the picture is not there", "boxes stay shares of the image, of size 1 × 1"
    )


def corners(left: Any, top: Any, right: Any, bottom: Any) -> list[float] | None:
    """Return x, y, width and height of a box that is given by two corners; None where one is no number."""
    try:
        left, top, right, bottom = (float(value) for value in (left, top, right, bottom))
    except (TypeError, ValueError):
        return None
    return [left, top, right - left, bottom - top]
