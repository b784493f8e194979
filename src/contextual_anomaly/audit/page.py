"""Probable annotation errors as text and as a page with the images."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from contextual_anomaly.audit.export import reviewed_images
from contextual_anomaly.audit.inputs import AuditTables
from contextual_anomaly.audit.planting import KINDS, OVERLOOKED, SWAPPED
from contextual_anomaly.review.findings import Finding
from contextual_anomaly.review.page import Chip, FindingsPage
from contextual_anomaly.runtime.atomic import atomic_write
from contextual_anomaly.runtime.safe_text import printable
from contextual_anomaly.stats.boxes import BOX

LABEL_WIDTH = 24


def summary(issues: pd.DataFrame, images: int) -> str:
    """Return how many issues of which kind there are, in a sentence.

    Args:
        issues: columns of `tables.FINDINGS`.
        images: number of images that were looked at.
    """
    of_kind = issues["kind"].value_counts()
    counts = ", ".join(f"{of_kind[kind]:,} {kind}" for kind in KINDS if kind in of_kind)
    about = f"in {issues['image_id'].nunique():,} of {images:,} images"
    return f"{len(issues):,} probable annotation errors {about}{f' ({counts})' if counts else ''}"


def as_lines(issues: pd.DataFrame) -> Iterator[str]:
    """Yield a line of text for each issue: "97 %  swapped     bus → plate   6.jpg  call it plate; ...".

    Args:
        issues: columns of `tables.FINDINGS`.
    """
    rows: Iterator[Any] = issues.itertuples(index=False)  # of types that are known at run time alone
    for row in rows:
        label = printable(_label(row.kind, row.given_label, row.predicted_label))
        why = printable(f"{row.suggestion}; {row.explanation}" if row.explanation else row.suggestion)
        yield f"{_percent(row.probability)}  {row.kind:<10}  {label:<{LABEL_WIDTH}}  {printable(row.file_name)}  {why}"


def write_page(issues: pd.DataFrame, data: AuditTables, judged_by: str, folder: Path, path: Path) -> None:
    """Write a page of the images with an issue, the likeliest first.

    Args:
        issues: what `export.identified` returned.
        data: what was audited.
        judged_by: the context model and the detector.
        folder: of the images; where an image is not found, its boxes are shown on white.
        path: of the page.
    """
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        page = FindingsPage(out, "Probable annotation errors", KINDS, folder)
        images = sorted(reviewed_images(issues, data.images), key=lambda image: -image.strength)
        others = _others(issues, data)
        for image in images:
            beside = others.get(image.image_id, [])
            page.add(
                replace(image, findings=[*image.findings, *beside]), [_chip(finding) for finding in image.findings]
            )
        page.close(f"{summary(issues, len(data.images))}. Judged by {judged_by}.", {})


def _others(issues: pd.DataFrame, data: AuditTables) -> dict[Any, list[Finding]]:
    """Return, by image, the annotations of which nothing is said, for the images with an issue."""
    objects = data.objects
    beside = objects[
        objects["image_id"].isin(issues["image_id"]) & ~objects["annotation_id"].isin(issues["annotation_id"].dropna())
    ]
    names = dict(zip(data.categories["category_id"], data.categories["name"], strict=True))
    found: dict[Any, list[Finding]] = {}
    for image_id, category_id, *box in beside[["image_id", "category_id", *BOX]].itertuples(index=False):
        known = None if any(pd.isna(side) for side in box) else tuple(map(float, box))
        found.setdefault(int(image_id), []).append(Finding("", names[category_id], known))  # pyright: ignore[reportArgumentType]
    return found


def _chip(finding: Finding) -> Chip:
    """Return what the page says of a finding."""
    label = _label(finding.kind, str(finding.attributes["given_label"]), str(finding.attributes["predicted_label"]))
    name = label if finding.kind == SWAPPED else f"{finding.kind}: {label}"
    said = f"wrong with {_percent(finding.strength).strip()}: {finding.attributes['suggestion']}"
    said += f"; {finding.explanation}" if finding.explanation else ""
    return Chip(finding.kind, name, said, () if finding.box is None else (finding.box,))


def _label(kind: str, given: str, predicted: str) -> str:
    """Return the class in question: "bus → plate" where another one is suggested."""
    if kind == SWAPPED:
        return f"{given} → {predicted}"
    return predicted if kind == OVERLOOKED else given


def _percent(probability: float) -> str:
    return f"{100 * min(probability, 0.994):3.0f} %"  # nothing is certain
