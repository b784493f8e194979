"""The audit's section: the likeliest annotation errors as pictures and as a table, and how far they can be trusted."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from contextual_anomaly import tables
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.gallery import WIDTH, draw_box, read_picture
from contextual_anomaly.report.html_tables import shown, with_interval
from contextual_anomaly.report.style import embedded

KINDS = {"overlooked": "objects that may be overlooked", "swapped": "labels that may be wrong"}
LISTED = 30
MARGIN = 0.6  # of a box's larger side, shown around it
QUALITY = 80


def audit_section(results: FinishedRun, auditor: str, folder: Path | None, count: int) -> dict:
    """What the template shows of one auditor.

    Args:
        folder: of the images; None leaves the gallery out.
        count: pictures of each kind.
    """
    findings = tables.read_table(results.folder / f"audit/{auditor}.parquet", tables.FINDINGS).to_pandas()
    check = results.csv(f"audit/{auditor}.evaluation.csv")
    parts = []
    for kind, title in KINDS.items():
        rows = findings[findings["kind"] == kind]
        parts.append(
            {
                "kind": kind,
                "title": title,
                "count": len(rows),
                "images": rows["image_id"].nunique(),
                "gallery": [] if folder is None else _gallery(rows, results.annotations, folder, count),
                "table": shown(_table(rows.head(LISTED)), {"probability": ".3f", "detector score": ".2f"}),
            }
        )
    return {"name": auditor, "parts": parts, "check": shown(_check(check)) if len(check) else None}


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["image_id", "given_label", "predicted_label", "probability", "detector_score", "explanation"]
    if not rows["given_label"].any():
        columns.remove("given_label")
    if rows["detector_score"].isna().all():
        columns.remove("detector_score")
    return rows[columns].rename(columns=lambda name: name.removesuffix("_id").replace("_", " "))


def _check(check: pd.DataFrame) -> pd.DataFrame:
    names = {"auroc": "AUROC", "average_precision": "average precision", "precision_at_k": "right among the k first"}
    return pd.DataFrame(
        [
            {
                "planted": KINDS[kind],
                "judged by": by,
                **{names[row.measure]: with_interval(row.value, row.low, row.high) for row in rows.itertuples()},
                "planted, k": f"{rows['planted'].iloc[0]:,}",
                "candidates": f"{rows['candidates'].iloc[0]:,}",
            }
            for (kind, by), rows in check.sort_values("kind", kind="stable").groupby(["kind", "by"], sort=False)
        ]
    )


def _gallery(rows: pd.DataFrame, annotations: pd.DataFrame, folder: Path, count: int) -> list[tuple]:
    """(finding, picture) of the likeliest findings that have a box and whose image is there."""
    pictures = []
    for row in rows[rows["x"].notna()].itertuples():
        if len(pictures) == count:
            break
        image = read_picture(folder, row.file_name)
        if image is not None:
            objects = annotations[annotations["image_id"] == row.image_id]
            alt = f"image {row.image_id}: {row.given_label or row.predicted_label}, {KINDS[row.kind]}"
            pictures.append((row, embedded("image/jpeg", _crop(image, row, objects), alt)))
    return pictures


def _crop(image: np.ndarray, row, objects: pd.DataFrame) -> bytes:
    """The box and its surroundings as JPEG, every annotated object in a thin box."""
    height, width = image.shape[:2]
    around = max(MARGIN * max(row.width, row.height), 0.12 * max(width, height))
    left, top = (max(0, int(v - around)) for v in (row.x, row.y))
    right = min(width, int(np.ceil(row.x + row.width + around)))
    bottom = min(height, int(np.ceil(row.y + row.height + around)))
    scale = WIDTH / (right - left)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (WIDTH, max(1, round((bottom - top) * scale)))
    crop = cv2.resize(image[top:bottom, left:right], size, interpolation=method)
    for box in objects.itertuples():
        draw_box(
            crop, box.name, ((box.x - left) * scale, (box.y - top) * scale), (box.width * scale, box.height * scale)
        )
    named = f"{row.predicted_label}?" if row.kind == "overlooked" else f"{row.given_label}? {row.predicted_label}?"
    draw_box(
        crop, named, ((row.x - left) * scale, (row.y - top) * scale), (row.width * scale, row.height * scale), loud=True
    )
    return cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
