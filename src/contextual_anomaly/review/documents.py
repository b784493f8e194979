"""Files for Label Studio and CVAT, with what each needs beside them."""

import json
from collections.abc import Sequence
from pathlib import Path

from contextual_anomaly.review.cvat import cvat_document, label_constructor
from contextual_anomaly.review.findings import ReviewedImage
from contextual_anomaly.review.label_studio import labelling_configuration, task
from contextual_anomaly.runtime.atomic import atomic_write

LABELS_OF_LABEL_STUDIO, LABELS_OF_CVAT = ".labels.xml", ".labels.json"
"""Endings of the files beside: the labelling configuration of a project, and the labels of a task."""


def write_label_studio(images: Sequence[ReviewedImage], made_by: str, path: Path, categories: Sequence[str]) -> None:
    """Write tasks with predictions, and beside them the labelling configuration.

    Args:
        images: with findings.
        made_by: what made them, as Label Studio lists it.
        path: the file of the tasks (JSON).
        categories: the classes that a reviewer can choose.
    """
    tasks = [task(image, made_by) for image in images]
    _write(path, json.dumps(tasks, ensure_ascii=False, allow_nan=False) + "\n")
    _write(path.with_suffix(LABELS_OF_LABEL_STUDIO), labelling_configuration(categories))


def write_cvat(images: Sequence[ReviewedImage], path: Path, categories: Sequence[str]) -> None:
    """Write annotations, and beside them the labels of a task.

    Args:
        images: with findings.
        path: the file of the annotations (XML).
        categories: the classes that a reviewer can choose.
    """
    _write(path, cvat_document(images, categories))
    _write(path.with_suffix(LABELS_OF_CVAT), labels_of_cvat(categories))


def labels_of_cvat(categories: Sequence[str]) -> str:
    """Return the labels of a task as JSON, for CVAT's label constructor."""
    return json.dumps(label_constructor(categories), ensure_ascii=False, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
