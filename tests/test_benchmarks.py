"""The benchmarks measure the same work on both sides, and count time and memory rightly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.scenes import count_instances

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_the_original_written_anew_finds_the_same_scenes(write_json, instances, tmp_path):
    for image in instances["images"]:
        image.setdefault("coco_url", "")
    instances["categories"].append({"id": 1, "name": "person"})
    instances["annotations"].append({"id": 4, "image_id": 3, "category_id": 1, "bbox": [0, 0, 1, 1]})
    path = write_json(instances)
    files = [str(path), str(tmp_path / "grouped.json"), str(tmp_path / "encoded.json")]
    subprocess.run([sys.executable, BENCHMARKS / "peers" / "original_prepare.py", *files[:2]], check=True)
    subprocess.run([sys.executable, BENCHMARKS / "peers" / "original_encode.py", *files], check=True)
    theirs = json.loads(Path(files[2]).read_text())
    assert len(theirs) == 1
    annotations, _, categories = read_instances(path)
    ours = count_instances(annotations, categories, "x").without("person").of_at_least(2)
    # The order of the classes is the file's in the original, and by id in ours.
    names = [c["name"] for c in instances["categories"] if c["name"] != "person"]
    assert [dict(zip(names, image["labels"], strict=True)) for image in theirs] == [
        dict(zip(ours.classes, row, strict=True)) for row in ours.presence.astype(int).tolist()
    ]


def test_memory_is_that_of_all_processes_together():
    from measure import run

    hold = "import sys, time; data = bytearray(60_000_000); time.sleep(0.4)"
    two = f"import subprocess, sys; c = [sys.executable, '-c', {hold!r}]; p = subprocess.Popen(c); {hold}; p.wait()"
    measured = run(sys.executable, "-c", two)
    assert 120 < measured.peak_mb < 220
    assert 0.4 < measured.seconds < 20


def test_time_at_work_is_counted_once_where_commands_overlap(tmp_path):
    from workflow import at_work

    for name, end, seconds in (("a", 110.0, 10.0), ("b", 112.0, 5.0), ("c", 130.0, 1.5)):
        usage = tmp_path / f"{name}.usage.json"
        usage.write_text(json.dumps({"command": "fit", "seconds": seconds, "peak_memory_mb": 5.0}))
        os.utime(usage, (end, end))
    (tmp_path / "d.log").write_text("finished in 99.00 s, peak memory 5 MB\n")  # what is written for people
    assert at_work(tmp_path) == pytest.approx(12 + 1.5)


def test_ten_times_a_file_is_ten_times_its_records(write_json, instances, tmp_path):
    from annotations_ten import enlarge

    one = write_json(instances)
    enlarge(one, tmp_path / "ten.json")
    annotations, images, categories = read_instances(tmp_path / "ten.json")
    once = read_instances(one)
    assert annotations.num_rows == 10 * once[0].num_rows
    assert images.num_rows == 10 * once[1].num_rows
    assert categories == once[2]
    assert np.isin(annotations["image_id"].to_pylist(), images["image_id"].to_pylist()).all()


def test_nats_of_boxes_and_company_are_those_of_a_world_that_is_known():
    """Two classes: in one half of the data the box tells the class, and the only other object has the same class."""
    from box_information import gains

    rng = np.random.default_rng(0)
    image = np.repeat(np.arange(4000), 2)
    column = np.repeat(rng.integers(0, 2, 4000), 2)
    size = np.where(rng.random(8000) < 0.5, 0.2 + 0.4 * column, 0.4)
    box = np.column_stack([np.full((8000, 2), 0.1), size, size])
    found = gains(image, column, box)
    assert found["box"] == pytest.approx(np.log(2) / 2, abs=0.03)
    assert found["company"] == pytest.approx(np.log(2), abs=0.03)
    assert found["box and company"] == pytest.approx(np.log(2), abs=0.03)
