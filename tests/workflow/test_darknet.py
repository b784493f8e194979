"""A Darknet detector in the workflow: converted once for all working copies, run in shards, judged."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from contextual_anomaly.report.chapters.rescoring import image_problems
from contextual_anomaly.report.finished_run import FinishedRun
from contextual_anomaly.report.html_tables import html_table
from contextual_anomaly.runtime.atomic import MANIFEST
from tests.detection.darknet_forward import outputs, write
from tests.workflow.conftest import copy_project

pytestmark = pytest.mark.workflow
MEASURES = "results/experiments/detection/tiny.csv"


def _network(folder, classes):
    """A small network of random weights on disk, as many boxes as it has cells."""
    sections = [
        ("net", {"width": 32, "height": 32, "channels": 3}),
        ("convolutional", {"filters": 4, "size": 3, "stride": 4, "pad": 1, "activation": "leaky"}),
        ("convolutional", {"filters": 5 + classes, "size": 1, "activation": "linear"}),
        ("yolo", {"mask": 0, "anchors": "9,9", "classes": classes, "num": 1}),
    ]
    _, numbers = outputs(sections, np.zeros((1, 3, 32, 32)), np.random.default_rng(0))
    return write(folder, sections, numbers)


def test_converted_once_and_a_broken_picture_left_out(finished, fresh, tmp_path):
    world = finished.folder / "results/world"
    copy = tmp_path / "copy"
    shutil.copytree(world / "annotations", copy / "annotations")
    shutil.copytree(world / "val2017", copy / "val2017")
    broken, *whole = sorted((copy / "val2017").glob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:500])
    (copy / "val2017" / MANIFEST).unlink()  # a person's own folder has none
    classes = len(json.loads((copy / "annotations/instances_val2017.json").read_text())["categories"])
    made = _network(tmp_path / "network", classes)
    detector = {"name": "tiny", "family": "darknet", "weights": str(made.weights), "cfg": str(made.cfg)}
    settings = {
        "dataset": {"name": "my own", "kind": "own", "local_copy": str(copy)},
        "detection": {"detectors": [detector | {"input_size": 64}], "shards": 3},
    }
    cache = {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    (fresh.folder / "own.json").write_text(json.dumps(settings))
    fresh.snakemake(MEASURES, "--cache", settings=("own.json",), **cache)
    said = [log.read_text() for log in (fresh.folder / "results/logs").glob("detect.tiny.*.log")]
    assert len(said) == 3
    assert all("input 64 × 64" in text for text in said)

    measures = pd.read_csv(fresh.folder / MEASURES)
    assert measures["images"].iloc[0] == len(whole)
    results = FinishedRun(fresh.folder / "results", {}, [], ["tiny"], None)
    problems = image_problems(results, "tiny")
    ((name, problem),) = html_table(problems)["rows"]
    assert name == broken.name
    assert "cut off" in problem

    settings["detection"]["shards"] = 1
    another = copy_project(tmp_path / "another")
    (another.folder / "own.json").write_text(json.dumps(settings))
    onnx = "results/detectors/tiny.onnx"
    another.snakemake(onnx, MEASURES, "--cache", settings=("own.json",), **cache)
    assert not (another.folder / "results/logs/darknet_to_onnx.tiny.log").read_text()  # nothing is converted again
    for name in (onnx, "results/detections/tiny/val.parquet", "results/class_scores/tiny/val.parquet"):
        assert (another.folder / name).read_bytes() == (fresh.folder / name).read_bytes()
