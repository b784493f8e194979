"""Findings as a COCO annotation file, for pycocotools and the tools that people label with."""

import json

import pandas as pd


def as_coco(findings: pd.DataFrame, images: pd.DataFrame, categories: pd.DataFrame, info: dict[str, str]) -> bytes:
    """The findings that have a box as JSON in COCO's schema, ids from one by falling score.

    An overlooked object has the class that was detected, a swapped label the one annotated; probability, kind and
    explanation stand beside, as ``score`` of a result file and as ``attributes``, which labelling tools show.

    Args:
        findings: columns of `tables.FINDINGS`.
        images, categories: columns as in `tables`; only images with a finding are written.
    """
    boxed = findings[findings["x"].notna()]
    ids = categories.set_index("name")["category_id"]
    shown = images[images["image_id"].isin(boxed["image_id"])]
    content = {
        "info": {"description": "Suspected annotation errors", **info},
        "licenses": [],
        "images": [
            {"id": i, "file_name": name, "width": width, "height": height}
            for i, name, width, height in zip(
                *(shown[c].tolist() for c in ("image_id", "file_name", "width", "height")), strict=True
            )
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
                "attributes": {
                    "kind": row.kind,
                    "predicted_label": row.predicted_label,
                    "probability": round(float(row.probability), 4),
                    "explanation": row.explanation,
                },
            }
            for number, row in enumerate(boxed.itertuples(), 1)
        ],
    }
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
