"""Annotation audit: the most probable annotation errors, and how well planted errors are found."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.detection.image_reading import ReadImage
from contextual_anomaly.drawing import Box, annotated_image
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.frames import rows_of, with_interval
from contextual_anomaly.report.gallery import WIDTH, encode_jpeg, open_image
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.report.style import embedded

KINDS = {
    "overlooked": "objects that may be overlooked",
    "swapped": "labels that may be wrong",
    "spurious": "annotations of what may not be there",
    "misplaced": "boxes that may be in the wrong place",
    "duplicate": "objects that may be annotated twice",
}
MEASURES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "precision_at_k": "precision among the first k",
    "precision_of_listed": "precision where probable",
    "expected_of_listed": "mean probability of these",
}
LISTED = 30  # rows of each table; the files hold them all
MARGIN = 0.6  # of a box's larger side, shown around it
ASPECT = 4 / 3  # width of a crop by its height, where the image is large enough


def chapter(run: FinishedRun, auditor: str, folder: Path | None, count: int) -> dict:
    """Return what the template shows of one auditor.

    Args:
        run: The finished run.
        auditor: Name of the detector that judges with context, or "context".
        folder: Folder of the images; None leaves the gallery out.
        count: Images of each kind in the gallery.
    """
    table = tables.read_table(run.folder / f"audit/{auditor}.parquet", tables.FINDINGS)
    findings, made_from = table.to_pandas(), tables.metadata_of(table)
    evaluation = run.csv(f"audit/{auditor}.evaluation.csv")
    selection = run.optional_csv(f"audit/{auditor}.selection.csv")
    parts = []
    for kind, title in KINDS.items():
        rows = findings[findings["kind"] == kind]
        parts.append(
            {
                "kind": kind,
                "title": title,
                "count": len(rows),
                "images": rows["image_id"].nunique(),
                "gallery": [] if folder is None else _gallery(run, rows, folder, count),
                "table": html_table(_table(rows.head(LISTED)), {"probability": ".3f", "detector score": ".2f"}),
            }
        )
    return {
        "name": auditor,
        "judged_by": made_from.get("judged_by", ""),
        "context": made_from.get("context", ""),
        "cross_fitted": made_from.get("cross_fitted") == "true",
        "chosen": "" if selection is None else selection["model"].iloc[0],
        "selection": None if selection is None or len(selection) < 2 else html_table(_selection(selection)),
        "parts": parts,
        "evaluation": html_table(_evaluation(evaluation)) if len(evaluation) else None,
    }


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["image_id", "given_label", "predicted_label", "probability", "detector_score", "suggestion"]
    columns += ["explanation", "reasons"]
    for name in ("given_label", "predicted_label", "explanation", "reasons"):
        if not rows[name].any():
            columns.remove(name)
    if rows["detector_score"].isna().all():
        columns.remove("detector_score")
    return rows[columns].rename(columns=lambda name: str(name).removesuffix("_id").replace("_", " "))


def _selection(selection: pd.DataFrame) -> pd.DataFrame:
    """Return how well each context model predicts held-out images, the best first."""
    return pd.DataFrame(
        {
            "model": selection["model"],
            "family": selection["family"],
            "log-likelihood": [f"{value:.3f}" for value in selection["log_likelihood"]],
            "standard error": [f"{value:.3f}" for value in selection["standard_error"]],
            "held-out images": [f"{n:,}" for n in selection["images"]],
        }
    )


def _evaluation(evaluation: pd.DataFrame) -> pd.DataFrame:
    by_kind = evaluation.sort_values("kind", kind="stable")
    cells = []
    for _, rows in by_kind.groupby(["kind", "by"], sort=False):
        first = next(rows_of(rows))
        cells.append(
            {
                "planted": KINDS[first.kind],
                "judged by": first.by,
                **{
                    MEASURES[row.measure]: with_interval(row.value, row.low, row.high)
                    for row in rows_of(rows)
                    if row.measure in MEASURES
                },
                "planted errors, k": f"{first.planted:,}",
                "candidates": f"{first.candidates:,}",
            }
        )
    return pd.DataFrame(cells)


def _gallery(run: FinishedRun, rows: pd.DataFrame, folder: Path, count: int) -> list[tuple]:
    """Return pairs of finding and image for the most probable findings with a box whose image is in the folder."""
    gallery: list[tuple] = []
    for row in rows_of(rows[rows["x"].notna()]):
        if len(gallery) == count:
            break
        image = open_image(folder, row.file_name, run.image_sizes.get(row.image_id))
        if image is not None:
            objects = run.annotations[run.annotations["image_id"] == row.image_id]
            alt = f"image {row.image_id}: {row.given_label or row.predicted_label}, {KINDS[row.kind]}"
            gallery.append((row, embedded("image/jpeg", _crop(image, row, objects), alt)))
    return gallery


def _crop(image: ReadImage, row: Any, objects: pd.DataFrame) -> bytes:
    """Return the box and its surroundings as JPEG, with a thin box around every other annotated object.

    Args:
        image: The image.
        row: A finding.
        objects: The annotated objects of the image.
    """
    width, height = image.width, image.height
    around = max(MARGIN * max(row.width, row.height), 0.12 * max(width, height))
    # All crops have about the same shape, so that they stand in rows.
    wide = max(row.width + 2 * around, ASPECT * (row.height + 2 * around))
    left, right = _window(row.x + row.width / 2, wide, width)
    top, bottom = _window(row.y + row.height / 2, wide / ASPECT, height)
    scale = WIDTH / (right - left)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (WIDTH, max(1, round((bottom - top) * scale)))
    share = image.pixels.shape[1] / width  # the pixels of a very large image are fewer than its size
    first, last, upper, lower = (round(edge * share) for edge in (left, right, top, bottom))
    crop = cv2.resize(
        image.pixels[upper : max(lower, upper + 1), first : max(last, first + 1)], size, interpolation=method
    )
    question = {
        "overlooked": f"{row.predicted_label}?",
        "swapped": f"{row.given_label}? {row.predicted_label}?",
        "duplicate": f"{row.given_label}, twice?",
    }.get(row.kind, f"{row.given_label}?")
    found = [Box(row.x, row.y, row.width, row.height, question).scaled(scale, left, top)]
    if not np.isnan(row.new_x):
        found.append(Box(row.new_x, row.new_y, row.new_width, row.new_height, "rather so?").scaled(scale, left, top))
    others = [
        Box(other.x, other.y, other.width, other.height).scaled(scale, left, top)
        for other in rows_of(objects[objects["width"].notna()])
    ]
    return encode_jpeg(annotated_image(crop, found, others))


def _window(center: float, size: float, limit: int) -> tuple[int, int]:
    """Return the first and last pixel of a window of ``size`` pixels, moved and cut so that it lies in [0, limit]."""
    size = min(size, limit)
    first = int(np.clip(center - size / 2, 0, limit - size))
    return first, min(limit, first + max(1, round(size)))
