"""The workflow as a user meets it: mistakes, local copies, Snakemake's own report."""

import json
import shutil

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (["treshold=1"], "there is no setting treshold; config.yaml lists them all"),
        (["scenes={minimum_classes: two}"], "scenes.minimum_classes: Input should be a valid integer, found 'two'"),
        (
            ["dataset={kind: own}", "detection={detectors: []}"],
            "set dataset.local_copy, or the environment variable CONTEXTUAL_ANOMALY_DATA",
        ),
    ],
)
def test_a_wrong_setting_is_one_message(fresh, setting, message):
    done = fresh.snakemake("--dry-run", "--config", *setting, check=False, CONTEXTUAL_ANOMALY_DATA="")
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert not (fresh.folder / "results").exists()


def test_a_local_copy_is_judged_by_the_same_workflow(finished, fresh, tmp_path):
    """The world's own files as a user's data set: the same scenes, models and listings come out."""
    copy = tmp_path / "copy"
    shutil.copytree(finished.folder / "results/world/annotations", copy / "annotations")
    (copy / "val2017").mkdir()
    (fresh.folder / "own.yaml").write_text(
        f"dataset: {{name: my own, kind: own, local_copy: {copy}}}\ndetection: {{detectors: []}}\n"
        "scenes: {include_person: false}\n"
    )
    files = ("results/anomalies/published.csv", "results/experiments/corrected/frequency.summary.csv")
    fresh.snakemake(*files, "results/audit/context.json", settings=("own.yaml",))
    # Without a detector context alone audits the annotations.
    assert json.loads((fresh.folder / "results/audit/context.json").read_text())["categories"]
    for name in files:
        assert (fresh.folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_results_of_a_detector_stand_in_for_its_network(finished, fresh):
    """What the world's detector found, given as the results of another program: the same COCO measures, and no network."""
    detected = finished.folder / "results/detections/world"
    report = pd.read_csv(detected / "images.csv")
    run = report.loc[report["status"] == "run", "image_id"].tolist()
    (fresh.folder / "covered.json").write_text(json.dumps(run))
    (fresh.folder / "given.yaml").write_text(
        f"detection: {{detectors: [{{name: given, results: {detected / 'val.parquet'}, images: covered.json}}]}}\n"
    )
    measures = "results/experiments/detection/{}.csv"
    fresh.snakemake(measures.format("given"), settings=("given.yaml",))
    assert (fresh.folder / measures.format("given")).read_bytes() == (
        finished.folder / measures.format("world")
    ).read_bytes()
    plan = fresh.snakemake("--dry-run", "experiment2", "audit", "report", settings=("given.yaml",)).stdout
    assert "rule evaluate_rescoring" in plan
    assert "rule evaluate_audit" in plan
    assert "rule detect:" not in plan


def test_a_broken_annotation_file_stops_with_its_record(fresh, tmp_path, instances):
    copy = tmp_path / "copy"
    (copy / "annotations").mkdir(parents=True)
    instances["annotations"][1]["image_id"] = 99
    for split in ("train", "val"):
        (copy / f"annotations/instances_{split}2017.json").write_text(json.dumps(instances))
    (fresh.folder / "own.yaml").write_text(
        f"dataset: {{name: my own, kind: own, local_copy: {copy}, strict: true}}\ndetection: {{detectors: []}}\n"
        "scenes: {include_person: false}\n"
    )
    done = fresh.snakemake("prepare", settings=("own.yaml",), check=False)
    assert done.returncode != 0
    assert "image_id 99 is not among the images" in done.stdout
    assert not [path for path in (fresh.folder / "results").rglob("*.parquet") if "logs" not in path.parts]


def test_snakemakes_own_report(finished, tmp_path):
    finished.snakemake("--report", str(tmp_path / "snakemake.html"))
    html = (tmp_path / "snakemake.html").read_text()
    for category in ("Data", "Models", "Anomalies", "Experiment 1", "Experiment 2", "Audit"):
        assert category in html
    assert "Classes of the validation images that model ensemble finds unexpected or missing" in html
