"""Findings as a COCO annotation file, for pycocotools and the tools that people label with."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd


def as_coco(findings: pd.DataFrame, images: pd.DataFrame, categories: pd.DataFrame, info: dict[str, str]) -> bytes:
    """Return the findings as JSON in COCO's schema, numbered from 1 by falling probability.

    An overlooked object has the class that was detected, a swapped label the one annotated; probability, kind and
    explanation stand beside, as ``score`` of a result file and as ``attributes``, which labelling tools show. Tools take
    an annotation without a box for a broken one, so that findings of an image alone are a list of their own,
    ``image_findings``, which tools pass over.

    Args:
        findings: columns of `tables.FINDINGS`.
        images: columns of `tables.IMAGES`; only those with a finding are written.
        categories: columns of `tables.CATEGORIES`.
        info: further entries of the section "info".
    """
    boxed = findings[findings["x"].notna()]
    ids = categories.set_index("name")["category_id"]
    shown = images[images["image_id"].isin(findings["image_id"])]
    content = {
        "info": {"description": "Suspected annotation errors", **info},
        "licenses": [],
        "images": [
            {
                "id": int(row.image_id),
                "file_name": row.file_name,
                **{side: int(getattr(row, side)) for side in ("width", "height") if pd.notna(getattr(row, side))},
            }
            for row in _rows(shown)
        ],
        "categories": [
            {"id": i, "name": name, "supercategory": above}
            for i, name, above in zip(
                *(categories[c].tolist() for c in ("category_id", "name", "supercategory")), strict=True
            )
        ],
        "annotations": [
            {
                "id": number,
                "image_id": int(row.image_id),
                "category_id": int(ids[row.given_label or row.predicted_label]),
                "bbox": [round(float(v), 2) for v in (row.x, row.y, row.width, row.height)],
                "area": round(float(row.width) * float(row.height), 2),
                "iscrowd": 0,
                "segmentation": [],
                "score": round(float(row.probability), 4),
                "attributes": _attributes(row),
            }
            for number, row in enumerate(_rows(boxed), 1)
        ],
        "image_findings": [
            {
                "image_id": int(row.image_id),
                "category_id": int(ids[row.predicted_label or row.given_label]),
                **_attributes(row),
            }
            for row in _rows(findings[findings["x"].isna()])
        ],
    }
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Return the rows as tuples with names, whose types are known at run time alone."""
    return frame.itertuples(index=False)


def _attributes(row: Any) -> dict:
    """Return what a person who reviews a finding wants to read."""
    known = {} if pd.isna(row.annotation_id) else {"annotation_id": int(row.annotation_id)}
    return {
        "kind": row.kind,
        **known,
        "given_label": row.given_label,
        "predicted_label": row.predicted_label,
        "probability": round(float(row.probability), 4),
        "explanation": row.explanation,
        "split": row.split,
    }
