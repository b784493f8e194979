"""The sections on rescoring and on the audit, from tables made by hand."""

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contextual_anomaly import tables
from contextual_anomaly.experiments.rescoring.curves import precision_recall_curves, risk_coverage_curves
from contextual_anomaly.experiments.rescoring.metrics import COLUMNS, presence_metrics
from contextual_anomaly.report.chapters import audit, context_gain
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.page import template_environment


@pytest.fixture
def results(tmp_path):
    """A results folder that holds what the two sections read: a detector that context helps, and three findings."""
    rng = np.random.default_rng(0)
    annotated = rng.random((50, 6)) < 0.3
    score = np.clip(rng.normal(0.3 + 0.2 * annotated, 0.2), 0, 1)
    methods = {"detector": score, "calibrated": score, "fusion": np.clip(score + 0.2 * annotated, 0, 1)}
    folder = tmp_path / "experiments/rescoring"
    folder.mkdir(parents=True)
    boxes = pd.DataFrame(
        [
            ("boxes", 0, "detector", "ap", None, 0.3, 0.2, 0.4, None, None, None, 50),
            ("boxes", 0, "context", "ap", None, 0.29, 0.2, 0.4, -0.01, -0.02, -0.005, 50),
        ],
        columns=COLUMNS,
    )
    judged = pd.concat([presence_metrics(methods, annotated, [0.2, 0.4], 3, 50, 0), boxes.astype({"threshold": float})])
    judged.to_csv(folder / "d.metrics.csv", index=False)
    precision_recall_curves(methods, annotated).to_csv(folder / "d.precision_recall.csv", index=False)
    risk_coverage_curves(methods, annotated, 0.2).to_csv(folder / "d.risk_coverage.csv", index=False)

    box, names = (10.0, 5.0, 30.0, 20.0, *[None] * 5, "look at it"), ("val", None, None)
    rows = [
        (
            1,
            None,
            "overlooked",
            "",
            "plate",
            0.97,
            0.8,
            None,
            0.9,
            *box,
            "p = 0.90 given fork, knife",
            "log-odds +1.00 = usual +1.00",
            "1.jpg",
            "",
            *names,
        ),
        (2, 4, "swapped", "kite", "<b>fork", 0.9, 0.7, 0.01, 0.8, *box, "kite: p = 0.01", "", "2.jpg", "", *names),
        (3, 5, "swapped", "kite", "fork", 0.8, 0.7, 0.01, 0.8, *box, "", "", "../outside.jpg", "", *names),
    ]
    frame = pd.DataFrame(rows, columns=tables.FINDINGS.names)
    table = pa.Table.from_pandas(frame, tables.FINDINGS, preserve_index=False).replace_schema_metadata(None)
    tables.write_table(table, tables.FINDINGS, tmp_path / "audit/d.parquet")
    pd.DataFrame(
        {"kind": "swapped", "by": "context", "measure": ["auroc", "precision_at_k"], "value": [0.9, 0.5]}
        | {"low": 0.4, "high": 0.95, "planted": 7, "candidates": 90}
    ).to_csv(tmp_path / "audit/d.evaluation.csv", index=False)
    objects = pd.DataFrame({"image_id": [1], "category_id": [1], "x": 2, "y": 2, "width": 8, "height": 8})
    objects = objects.assign(area=64, iscrowd=False, annotation_id=1, original_id=None)
    categories = pd.DataFrame({"category_id": [1], "name": ["fork"], "supercategory": [""], "original_id": [None]})
    images = pd.DataFrame({"image_id": [1, 2, 3], "file_name": ["1.jpg", "2.jpg", "../outside.jpg"]})
    images = images.assign(width=80, height=50, coco_url="", flickr_url="", original_id=None)
    for name, of, schema in (
        ("images", images, tables.IMAGES),
        ("annotations", objects, tables.ANNOTATIONS),
        ("categories", categories, tables.CATEGORIES),
    ):
        table = pa.Table.from_pandas(of, schema, preserve_index=False).replace_schema_metadata(None)
        tables.write_table(table, schema, tmp_path / f"{name}/val.parquet")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("1.jpg", "2.jpg", "../outside.jpg"):
        cv2.imwrite(str(pictures / name), np.full((50, 80, 3), 128, np.uint8))
    return FinishedRun(tmp_path, {}, [], ["d"], None)


def test_it_is_said_where_context_helps_and_where_it_harms(results):
    added = context_gain.section(results, "d")
    assert any("fused with context helps" in sentence for sentence in added["in_short"])
    assert any(
        sentence.startswith("Boxes") and "harms, -0.0100 [-0.0200, -0.0050]" in sentence
        for sentence in added["in_short"]
    )
    titles = [part["title"] for part in added["measures"]]
    assert titles[0] == "Classes of images, 50 images"
    assert titles[-1] == "Boxes, 50 images"
    assert "svg" in added["figure"]


def test_findings_are_shown_with_their_pictures(results):
    section = audit.chapter(results, "d", results.folder / "pictures", 5)
    overlooked, swapped = (part for part in section["parts"] if part["count"])
    assert (overlooked["count"], swapped["count"]) == (1, 2)
    # A file name that leads out of the folder shows no picture.
    assert [row.image_id for row, _ in overlooked["gallery"] + swapped["gallery"]] == [1, 2]
    assert all("data:image/jpeg" in image for part in section["parts"] for _, image in part["gallery"])
    assert section["evaluation"]["rows"][0][2] == "0.900 [0.400, 0.950]"


def test_without_a_folder_there_are_tables_alone(results):
    section = audit.chapter(results, "d", None, 5)
    assert not any(part["gallery"] for part in section["parts"])
    assert section["parts"][1]["table"]["rows"][0][2] == "<b>fork"


def shown(section: dict) -> str:
    """Return the text of the audit's chapter."""
    return template_environment().get_template("audit.html").render(audits=[section])


def test_how_the_model_was_chosen_and_whether_it_was_cross_fitted_is_said(results):
    plain = shown(audit.chapter(results, "d", None, 5))
    assert "cross-fitting" not in plain
    assert "predicts held-out images best" not in plain
    selection = {"model": ["mine", "other"], "family": ["pairwise", "ease"], "log_likelihood": [-1.5, -2.25]}
    selection = pd.DataFrame(selection | {"standard_error": 0.125, "images": 1234})
    selection.to_csv(results.folder / "audit/d.selection.csv", index=False)
    path = results.folder / "audit/d.parquet"
    table = tables.read_table(path, tables.FINDINGS)
    metadata = {"judged_by": "mine", "context": "+1 nats an image", "cross_fitted": "true"}
    tables.write_table(table.replace_schema_metadata(None), tables.FINDINGS, path, metadata)
    text = shown(audit.chapter(results, "d", None, 5))
    assert "mine was fitted again for each fold of the images" in text
    assert "Why mine: of 2 context models, it predicts held-out images best" in text
    for cell in ("-2.250", "0.125", "1,234"):
        assert cell in text
    selection.head(1).to_csv(results.folder / "audit/d.selection.csv", index=False)
    assert "Why mine" not in shown(audit.chapter(results, "d", None, 5))
