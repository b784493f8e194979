"""Findings for reviewers: as COCO, and as Label Studio and CVAT open them."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from contextual_anomaly.review.coco import coco_document
from contextual_anomaly.review.documents import write_cvat, write_label_studio
from contextual_anomaly.review.findings import Finding, FindingIds, ReviewedImage
from contextual_anomaly.runtime.atomic import write_json

NEW_BOX = ("new_x", "new_y", "new_width", "new_height")


def write_for_reviewers(
    findings: pd.DataFrame,
    images: pd.DataFrame,
    categories: pd.DataFrame,
    judged_by: str,
    coco: Path | None = None,
    label_studio: Path | None = None,
    cvat: Path | None = None,
) -> None:
    """Write the findings for the tools in which people correct annotations.

    Args:
        findings: what `identified` returned.
        images: columns of `tables.IMAGES`; only those with a finding are written.
        categories: columns of `tables.CATEGORIES`.
        judged_by: the context model and the detector.
        coco: the COCO file; None for none.
        label_studio: tasks with predictions (JSON); None for none.
        cvat: annotations (XML); None for none.
    """
    reviewed = list(reviewed_images(findings, images))
    classes = [
        {"id": i, "name": name, "supercategory": above}
        for i, name, above in zip(
            *(categories[c].tolist() for c in ("category_id", "name", "supercategory")), strict=True
        )
    ]
    if coco is not None:
        write_json(coco_document(reviewed, classes, {"contributor": judged_by}), coco)
    if label_studio is not None:
        write_label_studio(reviewed, f"contextual-anomaly, {judged_by}", label_studio, categories["name"].tolist())
    if cvat is not None:
        write_cvat(reviewed, cvat, categories["name"].tolist())


def reviewed_images(findings: pd.DataFrame, images: pd.DataFrame) -> Iterator[ReviewedImage]:
    """Yield the images with findings in the order of ``images``, their findings by falling probability.

    An overlooked object has the class that was detected, all others the one annotated; the rest stands beside.

    Args:
        findings: what `identified` returned.
        images: columns of `tables.IMAGES`.
    """
    rows: defaultdict[int, list[Any]] = defaultdict(list)
    for row in _rows(findings):
        rows[row.image_id].append(row)
    for image in _rows(images[images["image_id"].isin(findings["image_id"])]):
        yield ReviewedImage(
            image.file_name,
            image.file_name,
            None if pd.isna(image.width) else int(image.width),
            None if pd.isna(image.height) else int(image.height),
            [_finding(row) for row in rows[image.image_id]],
            int(image.image_id),
        )


def identified(findings: pd.DataFrame) -> pd.DataFrame:
    """Return findings with their finding_id, which is the same in every later audit, and the category that it is about.

    Args:
        findings: columns of `tables.FINDINGS`, by falling probability.
    """
    of_image: dict[str, FindingIds] = {}
    names, categories = [], []
    for row in _rows(findings):
        box = _box(row)
        category = (row.given_label or row.predicted_label) if box else (row.predicted_label or row.given_label)
        ids = of_image.setdefault(row.file_name, FindingIds(row.file_name))
        names.append(ids.next(row.kind, category, box))
        categories.append(category)
    return findings.assign(
        finding_id=pd.Series(names, findings.index, str), category=pd.Series(categories, findings.index, str)
    )


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Return the rows as tuples with names, whose types are known at run time alone."""
    return frame.itertuples(index=False)


def _box(row: Any) -> tuple[float, float, float, float] | None:
    return None if pd.isna(row.x) else (float(row.x), float(row.y), float(row.width), float(row.height))


def _finding(row: Any) -> Finding:
    """Return a row of `identified` as a reviewer is shown it."""
    box = _box(row)
    known = {} if pd.isna(row.annotation_id) else {"annotation_id": int(row.annotation_id)}
    return Finding(
        kind=row.kind,
        category=row.category,
        box=box,
        score=float(row.probability),
        explanation=row.explanation,
        attributes={
            **known,
            "given_label": row.given_label,
            "predicted_label": row.predicted_label,
            "probability": round(float(row.probability), 4),
            "suggestion": row.suggestion,
            **({} if pd.isna(row.twin_id) else {"twin_id": int(row.twin_id)}),
            **({} if pd.isna(row.new_x) else {name: round(float(getattr(row, name)), 1) for name in NEW_BOX}),
            **({"reasons": row.reasons} if row.reasons else {}),
            "split": row.split,
        },
        strength=float(row.probability),
        id=row.finding_id,
    )
