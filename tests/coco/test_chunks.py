"""Annotation files in parts: whatever the layout, the same tables as Python's own JSON reader gives."""

import json
import mmap
import random
import subprocess
import sys
import threading
from hashlib import sha256

import numpy as np
import pytest

from contextual_anomaly import tables
from contextual_anomaly.coco.chunks import NotCut, _context, _cut, _first_record, read_in_parts
from contextual_anomaly.coco.normalize import read_records
from contextual_anomaly.coco.problems import ReadingReport
from contextual_anomaly.coco.reader import read_coco, read_instances
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.threads import ONE_CORE
from tests.processes import unmeasured

TRAPS = [
    '{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 1, 1]}, {"id": 2',  # a record within a text
    '"annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]',
    '}, {"', "]}", "\\", '\\"', "[[{", 'é"ü', "\u2028", "",
]  # fmt: skip


def nested(rng, deceptive):
    """What else a record may hold; ``deceptive``: objects that look like records, too."""
    kinds = 7 if deceptive else 5
    return rng.choice(
        [
            lambda: rng.choice(TRAPS),
            lambda: {"counts": [1, 2], "size": [4, 5]},
            lambda: [{"x": 1}, {"x": 2, "text": rng.choice(TRAPS)}, {"x": []}],
            lambda: [[rng.random() * 100 for _ in range(8)]],
            lambda: [None, True, -1.5e-3, []],
            lambda: {rng.choice(TRAPS): {"annotations": [{"id": 1}, {}]}},
            lambda: [{"id": 9, "image_id": 1, "category_id": 1, "bbox": [9, 9, 9, 9]} for _ in range(3)],
        ][:kinds]
    )()


def shuffled(rng, record):
    keys = list(record)
    rng.shuffle(keys)
    return {key: record[key] for key in keys}


def written(rng, value):
    """JSON with white space wherever it may stand."""
    gap = "".join(rng.choices(" \t\r\n", k=rng.choice((0, 0, 1, 3))))
    if isinstance(value, dict):
        pairs = (written(rng, k) + gap + ":" + written(rng, v) for k, v in value.items())
        return gap + "{" + gap + ",".join(pairs) + gap + "}" + gap
    if isinstance(value, list):
        return gap + "[" + ",".join(written(rng, v) for v in value) + gap + "]" + gap
    return gap + json.dumps(value, ensure_ascii=rng.random() < 0.5) + gap


def unusual(seed, annotations=120, deceptive=False):
    """A valid file of any key order, white space, nesting, escapes and further content."""
    rng = random.Random(seed)
    ids = rng.sample(range(1000), 30)
    content = {
        "images": [
            shuffled(rng, {"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48, "more": nested(rng, deceptive)})
            for i in ids
        ],
        "annotations": [
            shuffled(
                rng,
                {"id": n, "image_id": rng.choice(ids), "category_id": rng.choice([3, 8]), "iscrowd": rng.choice([0, 1]),
                 "bbox": [rng.random() * 50, rng.randrange(50), 1 + rng.random(), 2], "segmentation": nested(rng, deceptive)}
                | rng.choice([{}, {"area": rng.random() * 9}]) | rng.choice([{}, {"attributes": nested(rng, deceptive)}]),
            )
            for n in rng.sample(range(10_000), annotations)
        ],
        "categories": [{"id": 8, "name": 'a "b" ]}'}, {"id": 3, "name": "ü", "supercategory": "\\"}],
        "info": {"annotations": nested(rng, deceptive), "description": rng.choice(TRAPS)},
        "licenses": [nested(rng, deceptive)],
    }  # fmt: skip
    return written(rng, shuffled(rng, content)).strip()


def rows(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def expected(text):
    """The annotation table by Python's own reader."""
    content = json.loads(text)
    found = [
        (
            *(a["image_id"], a["category_id"], *a["bbox"], a.get("area", a["bbox"][2] * a["bbox"][3])),
            *(bool(a["iscrowd"]), a["id"], None),
        )
        for a in content["annotations"]
    ]
    found.sort(key=lambda row: row[0])
    return [(*row[:2], *(float(np.float32(v)) for v in row[2:7]), *row[7:]) for row in found]


@pytest.mark.parametrize("deceptive", [False, True])
@pytest.mark.parametrize("seed", [*range(12), 32, 79])
def test_any_valid_layout_reads_as_python_reads_it(write_json, seed, deceptive):
    text = unusual(seed, deceptive=deceptive)
    path = write_json(text)
    if not deceptive:
        read_in_parts(path, mapped(path), 0, 1, lambda content: content, 700)  # or it would raise NotCut
    annotations, images, categories = read_instances(path, part_bytes=700)
    assert rows(annotations) == expected(text)
    whole = read_instances(path, part_bytes=1 << 30)
    assert (annotations, images, categories) == whole
    loosely = read_records(json.loads(text), ReadingReport("x"))
    assert (loosely.annotations, loosely.images, loosely.categories) == whole
    assert not loosely.report.problems


def mapped(path):
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def parts_of(path, part_bytes):
    text = mapped(path)
    return list(_cut(text, _first_record(text, 0), part_bytes))


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}])
def test_usual_layouts_are_cut(write_json, layout):
    content = json.loads(unusual(1, annotations=300)) | {"info": {}, "licenses": []}
    for record in content["images"]:
        record.pop("more")
    for record in content["annotations"]:
        record["segmentation"] = [[1.5, 2.5, 3.5] * 8]
        record.pop("attributes", None)
    path = write_json(json.dumps(content, **layout))
    parts = parts_of(path, 2000)
    assert len(parts) > 0.4 * path.stat().st_size / 2000
    instances, objects = read_in_parts(path, mapped(path), 0, 1, lambda content: content, 2000)
    assert objects.id.tolist() == [a["id"] for a in content["annotations"]]
    assert len(instances.images) == len(content["images"])


def test_records_within_a_record_deceive_nobody(write_json, instances):
    """The cuts lie between what looks like records and is not; the file is then read in one piece."""
    record = {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1, 2, 3, 4]}
    instances["annotations"][1]["parts"] = [record] * 200
    path = write_json(instances)
    assert len(parts_of(path, 500)) > 3
    with pytest.raises(NotCut):
        read_in_parts(path, mapped(path), 0, 1, lambda content: content, 500)
    assert read_instances(path, part_bytes=500) == read_instances(path)


def test_the_number_of_processes_changes_no_byte(write_json, tmp_path):
    path = write_json(unusual(5, annotations=400))
    assert len(parts_of(path, 4000)) > 5
    made = set()
    for processes, part_bytes in ((1, 4000), (2, 4000), (3, 9000), (1, 1 << 30)):
        out = tmp_path / "t.parquet"
        tables.write_table(read_instances(path, processes, part_bytes)[0], tables.ANNOTATIONS, out)
        made.add(sha256(out.read_bytes()).hexdigest())
    assert len(made) == 1


def test_other_processes_are_copies_only_where_no_thread_runs():
    """A thread's locks would stay locked in the copy for ever."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert _context().get_start_method() == "spawn"
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux")
def test_copies_of_a_process_read_the_same(write_json):
    path = write_json(unusual(5, annotations=400))
    program = f"""
from contextual_anomaly.coco.chunks import _context
from contextual_anomaly.coco.reader import read_instances
print(_context().get_start_method(), read_instances({str(path)!r}, 2, 4000)[0].equals(read_instances({str(path)!r})[0]))
"""
    command = [sys.executable, "-c", program]
    # A process that has another thread starts others anew: where lines are counted, and where NumPy takes several cores.
    environment = unmeasured() | dict.fromkeys(ONE_CORE, "1")
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert said.split() == ["fork", "True"]


def test_a_byte_order_mark_is_skipped(tmp_path, instances):
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(instances).encode())
    assert read_instances(path)[0].num_rows == 3
    path.write_bytes(b"\xef\xbb\xbf" + unusual(3).encode())
    assert rows(read_instances(path, part_bytes=700)[0]) == expected(unusual(3))


@pytest.mark.parametrize(
    ("change", "kind", "left"),
    [
        (lambda a: a[250].pop("bbox"), "box_missing", 300),
        (lambda a: a[250].update(bbox=[1, 2, 3, None]), "box_not_four_numbers", 300),
        (lambda a: a[250].update(image_id=4), "image_not_listed", 299),
        (lambda a: a[250].update(image_id=2**63), "image_not_listed", 299),
        (lambda a: a[250].update(category_id=2**31), "category_not_listed", 299),
        (lambda a: a[250].update(id=1299), "annotation_id_twice", 300),
        (lambda a: a[250].update(bbox=[1, 2, 3, float("nan")]), "box_not_finite", 300),
        (lambda a: a[250].update(bbox=[1, 2, 3, 0]), "box_zero", 300),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_wrong_record_is_named_by_its_place_in_the_file(write_json, change, kind, left, processes):
    """Whatever the number of parts, the same tables and the same report."""
    rng = random.Random(0)
    content = {
        "images": [{"id": 5, "file_name": "5.jpg", "width": 4, "height": 4}],
        "annotations": [
            {"id": 1000 + n, "image_id": 5, "category_id": 1, "bbox": [1, 2, 3, 4], "note": "x" * rng.randrange(200)}
            for n in range(300)
        ],
        "categories": [{"id": 1, "name": "cup"}],
    }
    content["annotations"][250]["id"] = 77
    change(content["annotations"])
    path = write_json(content)
    assert len(parts_of(path, 3000)) > 5
    parts, whole = (read_coco(path, ReadingReport("x"), processes, part_bytes) for part_bytes in (3000, 1 << 30))
    assert parts == whole
    problem = parts.report.problems[kind]
    assert problem.count == 1
    assert f"annotations record {299 if kind == 'annotation_id_twice' else 250} (id " in problem.first_record
    assert parts.annotations.num_rows == left


@pytest.mark.parametrize("part_bytes", [3000, 1 << 20])
def test_boxes_without_a_size_are_counted_over_all_parts(write_json, capsys, part_bytes):
    content = {
        "images": [{"id": 5, "file_name": "5.jpg", "width": 4, "height": 4}],
        "annotations": [
            {"id": n, "image_id": 5, "category_id": 1, "bbox": [1, 2, n % 100, 4], "note": "x" * 100}
            for n in range(1, 400)
        ],
        "categories": [{"id": 1, "name": "cup"}],
    }
    objects, *_ = read_instances(write_json(content), 2, part_bytes)
    assert objects["width"].null_count == objects["x"].null_count == 3
    said = capsys.readouterr().err
    assert "box_zero (3, first annotations record 99 (id 100)): bbox [1.0, 2.0, 0.0, 4.0]" in said


@pytest.mark.parametrize("end", [0.2, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off(write_json, end):
    text = unusual(2, annotations=300)
    path = write_json(text[: int(end * len(text))])
    with pytest.raises(UserError, match="cut off"):
        read_instances(path, part_bytes=3000)


@pytest.mark.parametrize("content", [b'{"images": [{"id": 1, "file_name": "\xff\xfe"', "{}".encode("utf-16")])
def test_text_that_is_not_utf_8(tmp_path, content):
    path = tmp_path / "latin.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not valid JSON"):
        read_instances(path)
