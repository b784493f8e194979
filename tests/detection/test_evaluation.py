"""COCO's measures from tables, against pycocotools on JSON files."""

import contextlib
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contextual_anomaly import tables
from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.commands.evaluate_detector import evaluate_detector as evaluate_command
from contextual_anomaly.detection.evaluation import evaluate

CATEGORIES = [{"id": i, "name": n} for i, n in ((2, "car"), (5, "dog"), (9, "bottle"), (11, "sofa"))]


@pytest.fixture
def noisy(write_json):
    """40 images of random objects, some of them crowds, and detections that miss, confuse and invent; as JSON."""
    rng = np.random.default_rng(5)
    images = [{"id": 100 + 3 * i, "file_name": f"{i}.jpg", "width": 400, "height": 300} for i in range(40)]
    annotations, detections = [], []
    for image in images:
        for _ in range(rng.integers(0, 9)):
            box = np.round([*rng.uniform(0, 200, 2), *rng.uniform(8, 150, 2)], 2)
            category = int(rng.choice([2, 5, 9]))
            crowd = int(rng.random() < 0.1)
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image["id"], "category_id": category, "bbox": box.tolist(),
                 "area": float(box[2] * box[3]), "iscrowd": crowd}
            )  # fmt: skip
            for _ in range(rng.integers(0, 3)):
                moved = np.maximum(box + rng.normal(0, 6, 4), 1)
                named = category if rng.random() < 0.8 else int(rng.choice([2, 5, 9]))
                detections.append(
                    {"image_id": image["id"], "category_id": named, "bbox": moved.astype(np.float32).tolist(),
                     "score": float(np.float32(rng.random()))}
                )  # fmt: skip
    truth = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    return write_json(truth), write_json(detections, "detections.json"), detections


def _tables(truth_path, detections):
    annotations, _, categories = (table.to_pandas() for table in read_instances(truth_path))
    found = pd.DataFrame(detections)
    found[["x", "y", "width", "height"]] = found.pop("bbox").tolist()
    return annotations, categories, found


@pytest.mark.parametrize("every", [1, 3])
def test_the_figures_are_pycocotools_own(noisy, every):
    truth_path, detections_path, detections = noisy
    annotations, categories, found = _tables(truth_path, detections)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(truth_path)
        run = sorted(truth.getImgIds())[::every]
        judged = COCOeval(truth, truth.loadRes(str(detections_path)), "bbox")
        judged.params.imgIds = run
        judged.evaluate(), judged.accumulate(), judged.summarize()
        of_class = []
        for category in (2, 5, 9):
            judged.params.catIds = [category]
            judged.evaluate(), judged.accumulate(), judged.summarize()
            of_class.append(judged.stats[[0, 1, 8]])
        judged.params.catIds = [2, 5, 9, 11]
        judged.evaluate(), judged.accumulate(), judged.summarize()
    measures = evaluate(annotations, categories, found, np.array(run))
    overall = measures[measures["category"] == ""]
    assert overall["metric"].tolist()[:3] == ["AP", "AP50", "AP75"]
    # Annotated boxes are float32 in the table.
    np.testing.assert_allclose(overall["value"], judged.stats, atol=1e-3)
    table = measures[measures["category"] != ""].set_index(["category", "metric"])["value"]
    for name, expected in zip(("car", "dog", "bottle"), of_class, strict=True):
        np.testing.assert_allclose(table[name][["AP", "AP50", "AR100"]], expected, atol=1e-3)
    assert table["sofa"].isna().all()
    assert 0.05 < overall["value"].iloc[0] < 0.95


def test_perfect_boxes_score_one_and_crowds_are_no_misses(noisy):
    truth_path, _, detections = noisy
    annotations, categories, _ = _tables(truth_path, detections)
    run = np.arange(100, 220, 3)
    assert annotations["iscrowd"].any()
    found = annotations[~annotations["iscrowd"]].assign(score=0.5)
    measures = evaluate(annotations, categories, found, run)
    assert measures["value"].dropna().iloc[:6].eq(1).all()
    assert measures["instances"].iloc[0] == len(found)
    assert measures[measures["metric"] == "AP"]["instances"].iloc[1:].sum() == len(found)


def test_no_detection_scores_nothing(noisy):
    truth_path, _, detections = noisy
    annotations, categories, found = _tables(truth_path, detections)
    measures = evaluate(annotations, categories, found.iloc[:0], np.arange(100, 220, 3))
    assert (measures["value"].iloc[:3] == 0).all()


def test_the_command_takes_the_images_that_were_run(noisy, tmp_path, capsys):
    truth_path, _, detections = noisy
    annotations, images, categories = read_instances(truth_path)
    found = _tables(truth_path, detections)[2].sort_values("image_id")
    found = pa.Table.from_pandas(found[tables.DETECTIONS.names], tables.DETECTIONS, preserve_index=False)
    for name, table, schema in (
        ("annotations", annotations, tables.ANNOTATIONS),
        ("categories", categories, tables.CATEGORIES),
        ("detections", found, tables.DETECTIONS),
    ):
        tables.write_table(table, schema, tmp_path / f"{name}.parquet")
    report = images.select(["image_id", "file_name"]).to_pandas().assign(status="run", problem="")
    report.loc[30:, "status"] = "absent"
    report.to_csv(tmp_path / "images.csv", index=False)
    evaluate_command(
        tmp_path / "detections.parquet",
        tmp_path / "images.csv",
        tmp_path / "annotations.parquet",
        tmp_path / "categories.parquet",
        tmp_path / "measures.csv",
    )
    expected = evaluate(
        annotations.to_pandas(), categories.to_pandas(), found.to_pandas(), report["image_id"].to_numpy()[:30]
    )
    written = pd.read_csv(tmp_path / "measures.csv", keep_default_na=False, na_values={"value": ""})
    pd.testing.assert_frame_equal(written, expected, rtol=1e-5)
    assert "on 30 images" in capsys.readouterr().err
