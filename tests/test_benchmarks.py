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


def test_a_stage_that_lacks_its_data_is_skipped_by_name_and_the_next_one_runs(tmp_path, monkeypatch, capsys):
    import run

    monkeypatch.setattr(run, "HERE", tmp_path)
    programs = {
        "lacks": "print('lacks: skipped: no such file'); raise SystemExit(77)",
        "breaks": "1 / 0",
        "works": "print(1)",
    }
    for name, program in programs.items():
        (tmp_path / f"{name}.py").write_text(program)
    measured, skipped, failed = run.run_stages(["lacks", "breaks", "unwritten", "works"])
    assert measured == ["works"]
    assert skipped == {"lacks": "no such file", "unwritten": "there is no such stage yet"}
    assert failed == {"breaks": 1}


@pytest.mark.parametrize("stage", ["annotations", "sweep"])
def test_a_stage_says_what_it_lacks(stage, tmp_path):
    (tmp_path / "results").mkdir()
    program = f"import measure, {stage}; measure.WORK = {stage}.WORK = __import__('pathlib').Path('results'); measure.main_of({stage}.main)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "CONTEXTUAL_ANOMALY_DATA": str(tmp_path), "PYTHONPATH": f"{BENCHMARKS}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    assert done.returncode == 77, done.stderr
    assert f"skipped: {tmp_path}/annotations/instances_train2017.json: there is no such file" in done.stdout


def test_ratios_have_the_range_of_their_rounds(tmp_path, monkeypatch, capsys):
    import measure

    monkeypatch.setattr(measure, "RESULTS", tmp_path / "b.csv")
    for bound in (9.0, 0.5):  # the second replaces the first
        measure.report("s", "p", [1.0, 2.0, 4.0], peer_seconds=[10.0, 10.0, 60.0], work="w", bound_seconds=bound)
    measure.report("s", "", 2.5, runs=7, work="w")
    first, second = (tmp_path / "b.csv").read_text().splitlines()[1:]
    assert first.startswith("s,p,2,10,5,5,15,,3,w,0.5,4,")
    assert second.startswith("s,,2.5,,,,,,7,w,,,")
    assert "5 times as fast (5 to 15)" in capsys.readouterr().out


def test_what_got_slower_than_the_last_record_is_said(tmp_path):
    from quick import Record, read_records, verdict, write_records

    def record(ratio, version="0.1", machine="m"):
        return Record(version, "2026-11-26", "s", "y", ratio, 0.9 * ratio, 1.1 * ratio, machine)

    path = tmp_path / "recorded.csv"
    write_records([record(10.0)], path)
    write_records([record(8.0, "0.2")], path)
    write_records([record(9.0, "0.2")], path)  # again: in place of the other of its version
    assert [(r.version, r.ratio) for r in read_records(path)] == [("0.1", 10.0), ("0.2", 9.0)]
    last = read_records(path)[-1]
    assert verdict(record(6.0), last).startswith("slower: 6, 9 (8.1 to 9.9) in version 0.2")
    assert verdict(record(7.0), last).startswith("as before")
    assert verdict(record(14.0, machine="n"), last).startswith("faster")
    assert verdict(record(14.0, machine="n"), last).endswith("another machine")
    assert verdict(record(14.0), None) == "not recorded before"


def test_recorded_figures_can_be_read():
    from quick import read_records

    records = read_records()
    assert len({(r.version, r.stage) for r in records}) == len(records) > 0
    assert all(r.low <= r.ratio <= r.high for r in records)


def test_a_made_up_file_reads_as_its_tables(tmp_path):
    from made_up import made_up, write_json

    write_json(tmp_path / "i.json", 50, 30, outline=3)
    annotations, images, categories = read_instances(tmp_path / "i.json")
    expected = made_up(50, 30)
    assert (images, categories) == expected[1:]
    for name in ("image_id", "category_id", "annotation_id", "iscrowd"):
        assert annotations[name].equals(expected[0][name])
    for side in ("x", "y", "width", "height"):
        assert np.allclose(annotations[side].to_numpy(), expected[0][side].to_numpy(), atol=0.011)
    assert not categories.equals(made_up(50, 31)[2])


def test_a_changed_scene_differs_in_one_class(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS / "peers")
    from numpy_predict import changed_scenes

    presence = (np.random.default_rng(0).random((7, 5)) < 0.5).astype(np.float32)
    np.save(tmp_path / "p.npy", presence)
    scenes = changed_scenes(tmp_path / "p.npy", 20)
    assert (np.abs(scenes - presence[np.arange(20) % 7]).sum(1) == 1).all()


def test_growth_is_the_power_between_the_first_and_the_last():
    from growth import exponent

    first, last = {"images": "100", "seconds": "2"}, {"images": "10000", "seconds": "20"}
    assert exponent(first, last, "seconds") == pytest.approx(0.5)


def test_mistakenness_is_what_its_formulas_say(tmp_path):
    """Three annotations: seen as another class, seen elsewhere by half, and not seen; and a detection of what is not annotated."""
    box = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [200, 0, 210, 10]], float)
    detected = np.array([[0, 0, 10, 10], [100, 0, 110, 7.5], [300, 0, 310, 10], [400, 0, 410, 10]], float)
    np.savez(
        tmp_path / "boxes.npz", image=[0, 0, 0], label=[1, 2, 3], box=box, detected_image=[0] * 4,
        detected_label=[2, 2, 1, 1], detected_box=detected, detected_score=[0.8, 0.6, 0.99, 0.9], images=1, classes=4,
    )  # fmt: skip
    program = BENCHMARKS / "peers" / "mistakenness.py"
    subprocess.run([sys.executable, program, tmp_path / "boxes.npz", tmp_path / "scores.npz"], check=True)
    found = np.load(tmp_path / "scores.npz")
    np.testing.assert_allclose(found["swapped"], [0.9, 0.2, -1])
    np.testing.assert_allclose(found["misplaced"], [0.1, 0.5, -1])  # half of the overlap that counts is lost
    np.testing.assert_array_equal(found["spurious"], [0, 0, 1])
    np.testing.assert_allclose(found["overlooked"], [-1, -1, 0.99, -1])
