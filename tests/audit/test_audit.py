"""The audit on a case made by hand, and its files in the tools that open them."""

import contextlib
import io
import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pycocotools.coco import COCO

from contextual_anomaly import tables
from contextual_anomaly.commands.audit import audit
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.families.oracle import Oracle
from contextual_anomaly.models.registry import save
from contextual_anomaly.scenes import Scenes, write_scenes
from contextual_anomaly.stats.box_pairs import box_pairs

NAMES = ("fork", "knife", "plate", "surfboard", "kite")
IDS = (2, 3, 5, 7, 11)
KITCHEN, BEACH = (0, 1, 2), (3, 4)


def _write(frame, schema, path):
    table = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata(None)
    tables.write_table(table, schema, path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sixty kitchens and beaches, all detected well; image 1 lacks its plate, and image 2 has a fork called kite."""
    folder = tmp_path_factory.mktemp("audit")
    rows = []
    for image in range(1, 61):
        for place, column in enumerate(KITCHEN if image <= 40 else BEACH):
            rows.append((image, IDS[column], 100.0 * place, 10.0, 60.0, 80.0))
    true = pd.DataFrame(rows, columns=["image_id", "category_id", "x", "y", "width", "height"])
    found = true.assign(score=np.linspace(0.6, 0.95, len(true)))
    # Doubtful ghosts, so that there is something to tell from.
    ghosts = found[::3].assign(x=400.0, score=0.1, category_id=np.resize(IDS, len(found[::3])))
    detections = pd.concat([found, ghosts]).sort_values(["image_id", "score"], ascending=[True, False])
    annotated = true[~((true["image_id"] == 1) & (true["category_id"] == 5))].copy()
    annotated.loc[(annotated["image_id"] == 2) & (annotated["category_id"] == 2), "category_id"] = 11
    annotated = annotated.assign(area=4800, iscrowd=False, annotation_id=range(len(annotated)), original_id=None)
    _write(annotated, tables.ANNOTATIONS, folder / "annotations.parquet")
    _write(detections[tables.DETECTIONS.names], tables.DETECTIONS, folder / "detections.parquet")
    classes = pd.DataFrame({"category_id": IDS, "name": NAMES, "supercategory": "thing", "original_id": None})
    _write(classes, tables.CATEGORIES, folder / "categories.parquet")
    images = pd.DataFrame(
        {"image_id": range(1, 61), "width": 640, "height": 480, "coco_url": "", "flickr_url": "", "original_id": None}
    )
    images["file_name"] = [f"{i:012}.jpg" for i in images["image_id"]]
    _write(images, tables.IMAGES, folder / "images.parquet")
    images.assign(status="run", problem="")[["image_id", "file_name", "status", "problem"]].to_csv(
        folder / "report.csv", index=False
    )
    counts = np.zeros((60, 5), np.uint16)
    counts[:40, KITCHEN], counts[40:, BEACH] = 1, 1
    write_scenes(Scenes(np.arange(60), counts, NAMES, IDS, "hand-made"), folder / "scenes.parquet")
    probability = np.array([[0.9, 0.9, 0.9, 0.01, 0.01], [0.01, 0.01, 0.01, 0.9, 0.8]])
    save(Oracle("oracle", NAMES, np.array([0.6, 0.4]), probability), folder / "oracle.safetensors")
    return folder


def run(files, folder, detector=True, **options):
    inputs = [files / f"{name}.parquet" for name in ("annotations", "categories", "images")]
    outputs = [folder / name for name in ("audit.parquet", "audit.csv", "audit.json")]
    if detector:
        options = {"detections": files / "detections.parquet", "image_report": files / "report.csv"} | options
    annotations, categories, images = inputs
    audit(
        [annotations],
        categories,
        [images],
        [files / "oracle.safetensors"],
        files / "scenes.parquet",
        *outputs,
        **options,
    )
    return tables.read_table(outputs[0], tables.FINDINGS).to_pandas()


def test_both_errors_are_found_and_explained(files, tmp_path):
    findings = run(files, tmp_path)
    swapped = findings[findings["kind"] == "swapped"].iloc[0]
    assert (swapped["image_id"], swapped["given_label"], swapped["predicted_label"]) == (2, "kite", "fork")
    assert swapped["annotation_id"] == 2  # the third object of the file, from 0
    assert swapped["split"] == "images"  # the name of the table
    assert swapped["probability"] > 0.65  # it may be spurious instead
    assert swapped["explanation"].startswith("kite: p = 0.0")
    assert "beside" in swapped["explanation"].split(";")[0]
    assert "fork: p = 0.90 given knife, plate" in swapped["explanation"]
    overlooked = findings[findings["kind"] == "overlooked"].iloc[0]
    assert (overlooked["image_id"], overlooked["given_label"], overlooked["predicted_label"]) == (1, "", "plate")
    assert overlooked["x"] == 200
    assert np.isnan(overlooked["annotation_id"])
    assert overlooked["probability"] > 0.5
    assert overlooked["explanation"] == "p = 0.90 given fork, knife"


def test_without_a_detector_context_alone_speaks(files, tmp_path):
    findings = run(files, tmp_path, detector=False)
    assert findings["detector_score"].isna().all()
    swapped = findings[findings["kind"] == "swapped"].iloc[0]
    assert (swapped["image_id"], swapped["given_label"]) == (2, "kite")
    overlooked = findings[findings["kind"] == "overlooked"]
    # By context image 2 lacks a fork, and image 1 a plate; where, nobody knows.
    assert {(1, "plate"), (2, "fork")} <= set(zip(overlooked["image_id"], overlooked["predicted_label"], strict=True))
    assert overlooked["x"].isna().all()


def test_the_json_opens_as_coco_annotations_and_as_results(files, tmp_path):
    findings = run(files, tmp_path, min_score=0.2)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "audit.json"))
        results = coco.loadRes(coco.dataset["annotations"])
    assert len(coco.anns) == len(results.anns) == len(findings)
    first = coco.loadAnns([1])[0]
    assert first["bbox"] == findings.loc[0, ["x", "y", "width", "height"]].tolist()
    assert coco.loadCats(first["category_id"])[0]["name"] == (
        findings.loc[0, "given_label"] or findings.loc[0, "predicted_label"]
    )
    assert first["attributes"]["explanation"] == findings.loc[0, "explanation"]
    assert set(coco.imgs) == set(findings["image_id"])
    assert pd.read_csv(tmp_path / "audit.csv")["explanation"].tolist() == findings["explanation"].tolist()


def test_label_studio_and_cvat_hold_the_same_findings(files, tmp_path):
    findings = run(files, tmp_path, min_score=0.2, label_studio=tmp_path / "tasks.json", cvat=tmp_path / "cvat.xml")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    regions = [region for task in tasks for region in task["predictions"][0]["result"]]
    root = ElementTree.parse(tmp_path / "cvat.xml").getroot()
    boxes = [{a.get("name"): a.text or "" for a in box} for box in root.iter("box")]
    assert len(regions) == len(boxes) == len(findings)
    expected = sorted(findings["kind"] + ": " + findings["explanation"])
    assert sorted(region["meta"]["text"][0] for region in regions) == expected
    assert sorted(f"{box['kind']}: {box['explanation']}" for box in boxes) == expected
    labels = {label.get("value") for label in ElementTree.parse(tmp_path / "tasks.labels.xml").iter("Label")}
    assert labels == set(NAMES)


@pytest.mark.parametrize("detector", [False, True])
def test_a_class_that_nobody_looked_for_in_an_image_is_not_overlooked_there(files, tmp_path, detector):
    """The plate of image 1 is found by all means, unless plates were looked for in the other images alone."""
    checked = tmp_path / "checked.parquet"

    def overlooked(pairs: list[tuple[int, int]], exhaustive: str) -> set:
        images, categories = zip(*pairs, strict=True)
        table = pa.table({"image_id": images, "category_id": categories}, tables.CHECKED)
        tables.write_table(table, tables.CHECKED, checked, {"exhaustive": exhaustive})
        findings = run(files, tmp_path, detector, checked=[checked])
        findings = findings[findings["kind"] == "overlooked"]
        return set(zip(findings["image_id"], findings["predicted_label"], strict=True))

    everything = [(image, category) for image in range(1, 61) for category in IDS]
    assert (1, "plate") in overlooked(everything, "false")
    assert (1, "plate") in overlooked([(1, 2)], "true")  # what stands in it does not matter
    assert (1, "plate") not in overlooked([pair for pair in everything if pair != (1, 5)], "false")
    assert (2, "fork") in overlooked([pair for pair in everything if pair != (1, 5)], "false") or detector


def test_without_boxes_the_json_holds_labels_alone(files, tmp_path):
    findings = run(files, tmp_path, detector=False)
    content = json.loads((tmp_path / "audit.json").read_text())
    assert len(content["annotations"]) == (findings["kind"] != "overlooked").sum()
    listed = [(f["image_id"], f["predicted_label"], f["kind"]) for f in content["image_findings"]]
    of_images = findings[findings["kind"] == "overlooked"]
    assert listed == list(of_images[["image_id", "predicted_label", "kind"]].itertuples(index=False, name=None))
    assert {f["image_id"] for f in content["image_findings"]} <= {i["id"] for i in content["images"]}


def test_the_same_bytes_again(files, tmp_path):
    names = ("audit.parquet", "audit.csv", "audit.json")
    run(files, tmp_path)
    first = [(tmp_path / name).read_bytes() for name in names]
    run(files, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in names] == first


def test_one_model_and_no_cross_fitting_is_recorded(files, tmp_path):
    run(files, tmp_path, selection_table=tmp_path / "selection.csv")
    metadata = tables.metadata_of(tables.read_table(tmp_path / "audit.parquet", tables.FINDINGS))
    assert (metadata["judged_by"], metadata["cross_fitted"]) == ("oracle and the detector", "false")
    assert pd.read_csv(tmp_path / "selection.csv")["model"].tolist() == ["oracle"]


def test_at_most_so_many_are_listed(files, tmp_path):
    assert len(run(files, tmp_path, min_score=0.0, max_issues=3)) == 3


def test_mistakes_are_said(files, tmp_path):
    with pytest.raises(UserError, match="--detections and --image-report go together"):
        run(files, tmp_path, image_report=None)
    with pytest.raises(UserError, match="--checked is given once for each --images"):
        run(files, tmp_path, checked=[files / "annotations.parquet"] * 2)
    assert not list(tmp_path.iterdir())


def test_box_pairs_are_those_of_one_image_with_their_overlap():
    first = pd.DataFrame({"image_id": [1, 2, 9], "x": 0.0, "y": 0.0, "width": 10.0, "height": 10.0})
    second = pd.DataFrame({"image_id": [1, 1, 2], "x": [0.0, 5.0, 20.0], "y": 0.0, "width": 10.0, "height": 10.0})
    pair = box_pairs(first, second)
    assert list(zip(pair.first, pair.second, strict=True)) == [(0, 0), (0, 1), (1, 2)]
    assert pair.iou.tolist() == [1, pytest.approx(50 / 150), 0]
    assert pair.inside.tolist() == [1, 0.5, 0]


def test_there_are_no_more_folds_than_images(files, tmp_path, caplog):
    findings = run(files, tmp_path, folds=70)
    assert "60 images are divided into as many folds, not into 70" in caplog.text
    assert set(findings["image_id"]) == {1, 2}


def test_where_context_says_nothing_nothing_is_listed(files, tmp_path, caplog):
    """Images of one class each: no other class tells which it is."""
    table = tables.read_table(files / "annotations.parquet", tables.ANNOTATIONS)
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("categories", "images", "scenes"):
        (alone / f"{name}.parquet").write_bytes((files / f"{name}.parquet").read_bytes())
    (alone / "oracle.safetensors").write_bytes((files / "oracle.safetensors").read_bytes())
    first = table.to_pandas().groupby("image_id").head(1)
    _write(first, tables.ANNOTATIONS, alone / "annotations.parquet")
    assert run(alone, tmp_path, detector=False, min_score=0.0).empty
    assert "0 of 60 images have two or more classes" in caplog.text
    assert "nothing is listed" in caplog.text
