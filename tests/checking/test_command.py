"""`contextual-anomaly check` as a person runs it: kinds of input, output, exit status, and what it costs to start."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.checking.sources import Kind, find_sources
from contextual_anomaly.cli import application

ODD, ORDINARY = ["laptop", "keyboard", "mouse", "surfboard"], ["cup", "chair", "dining table"]
COCO_IDS = {
    "laptop": 73,
    "keyboard": 76,
    "mouse": 74,
    "surfboard": 42,
    "person": 1,
    "cup": 47,
    "chair": 62,
    "dining table": 67,
}


@pytest.fixture(scope="module")
def check():
    """A function that runs the command in this process."""
    app = application(["check"])

    def run(*arguments, **options):
        return CliRunner().invoke(app, ["check", "--model", "coco-small", *map(str, arguments)], **options)

    return run


@pytest.fixture
def detector(shared_coco) -> Path:
    return shared_coco / "weights/yolox_nano.onnx"


def instances(scenes: dict[str, list[str]]) -> dict:
    """A COCO file of images with these classes."""
    objects = [(i, name) for i, names in enumerate(scenes.values(), 1) for name in names]
    return {
        "images": [{"id": i, "file_name": f"{n}.jpg", "width": 640, "height": 480} for i, n in enumerate(scenes, 1)],
        "annotations": [
            {"id": 100 + k, "image_id": i, "category_id": COCO_IDS[name], "bbox": [10 * k, 5, 8, 8]}
            for k, (i, name) in enumerate(objects)
        ],
        "categories": [{"id": number, "name": name} for name, number in COCO_IDS.items()],
    }


def lines_of(text: str) -> list[CheckResult]:
    return [CheckResult.from_dict(json.loads(line)) for line in text.splitlines()]


def test_annotations_are_answered_image_by_image(check, write_json):
    path = write_json(instances({"desk": ORDINARY, "odd": ODD, "one": ["mouse"], "none": []}))
    done = check(path, "--format", "jsonl")
    assert done.exit_code == 1
    found = {result.file_name: result for result in lines_of(done.stdout)}
    assert list(found) == ["desk.jpg", "odd.jpg", "one.jpg", "none.jpg"]
    assert [one.category for one in found["odd.jpg"].unexpected] == ["surfboard"]
    assert found["odd.jpg"].unexpected[0].id == 106
    assert found["odd.jpg"].unexpected[0].box == (60, 5, 8, 8)
    assert (found["desk.jpg"].image_id, found["desk.jpg"].width) == (1, 640)
    assert not found["desk.jpg"].flagged
    assert found["one.jpg"].notes == ["nothing to compare: objects of one class"]
    assert found["none.jpg"].notes == ["nothing to compare: no objects"]


def test_the_text_names_what_is_flagged_aligned_and_the_rest_in_a_line(check, write_json):
    scenes = {"desk": ORDINARY, "odd": [*ODD, "mouse", "person"], "one": ["mouse"]}
    done = check(write_json(instances(scenes)), "--false-alarms", "5%")
    first, second, finding, *_, last = done.stdout.splitlines()
    assert first == "desk.jpg (1)  ok  cup, chair, dining table"
    assert second == "odd.jpg (2)  flagged  laptop, keyboard, mouse ×2, surfboard, person"
    kind, category, p, p_value, *_ = finding.split()
    assert (kind, category, p) == ("unexpected", "surfboard", "p")
    assert 0 < float(p_value) <= 0.05
    assert "laptop -" in finding
    assert last == "one.jpg (3)  nothing to compare: objects of one class  mouse"
    assert "\x1b" not in done.stdout


def test_colour_where_it_is_wanted(check, write_json, monkeypatch):
    path = write_json(instances({"odd": ODD}))
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = check(path).stdout
    assert "\x1b[31munexpected\x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")  # it wins (no-color.org)
    assert "\x1b" not in check(path).stdout


def test_names_cannot_act_on_the_terminal(check, write_json):
    content = instances({"odd": ODD})
    content["images"][0]["file_name"] = "\x1b[2J\u202egpj.exe"
    out = check(write_json(content)).stdout
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize(
    ("scenes", "options", "status"),
    [
        ({"desk": ORDINARY}, [], 0),
        ({"odd": ODD}, [], 1),
        ({"odd": ODD}, ["--exit-zero"], 0),
        ({"odd": ODD}, ["--false-alarms", "0.01%"], 0),
        ({"odd": ODD}, ["--false-alarms", "0.01"], 1),
        ({"odd": ODD}, ["--false-alarms", "1%"], 1),
        ({"odd": ODD}, ["--false-alarms", "101%"], 2),
        ({"odd": ODD}, ["--false-alarms", "0"], 2),
        ({"odd": ODD}, ["--false-alarms", "few"], 2),
        ({"odd": ODD}, ["nothing.jpg"], 2),
        ({"odd": ODD}, ["nothing.jpg", "--exit-zero"], 2),
    ],
)
def test_exit_status(check, write_json, scenes, options, status):
    assert check(write_json(instances(scenes)), *options).exit_code == status


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(check, write_json, tmp_path):
    good = write_json(instances({"odd": ODD}), "good.json")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "bad.json").write_text('{"images": [')
    done = check(tmp_path / "empty.jpg", tmp_path / "bad.json", tmp_path / "*.none", good, "--format", "jsonl")
    assert done.exit_code == 2
    empty, bad, none, odd = lines_of(done.stdout)
    assert (empty.error.kind, empty.error.message) == ("unreadable", "the file is empty.")
    assert "not valid JSON" in bad.error.message
    assert none.error.message == "no file matches this pattern."
    assert odd.flagged
    text = check(tmp_path / "empty.jpg").stdout
    assert text.splitlines()[0] == f"{tmp_path / 'empty.jpg'}  error  the file is empty."


def test_results_of_a_detector_are_answered_as_its_own_where_it_is_named(check, write_json):
    results = [
        {"image_id": 7, "category_id": COCO_IDS[name], "bbox": [10 * k, 5, 8, 8], "score": 0.95}
        for k, name in enumerate(ODD)
    ]
    path = write_json(results, "detections.json")
    (anonymous,) = lines_of(check(path, "--format", "jsonl").stdout)
    (named,) = lines_of(check(path, "--format", "jsonl", "--detector", "yolox-nano").stdout)
    assert (anonymous.image_id, anonymous.detector, anonymous.calibration) == (7, None, "annotations")
    assert (named.detector, named.calibration) == ("yolox-nano", "detections")
    assert [found.score for found in named.objects] == [0.95] * 4
    wrong = check(write_json([{**results[0], "category_id": 12}], "wrong.json"))
    assert wrong.exit_code == 2
    assert "12 is no id of COCO's classes" in wrong.stdout


def test_lines_of_a_stream_and_of_a_file(check, tmp_path):
    lines = "\n".join([json.dumps({"objects": [{"category": name} for name in ODD]}), "frok, mouse, keyboard"])
    streamed = check("-", input=lines)
    (tmp_path / "scenes.jsonl").write_text(json.dumps(dict.fromkeys(ODD, 1)) + "\n")
    filed = check(tmp_path / "scenes.jsonl", "--format", "jsonl")
    odd, unknown = lines_of(streamed.stdout)
    assert streamed.exit_code == 2
    assert (odd.source, odd.line, unknown.line) == ("-", 1, 2)
    assert unknown.error.kind == "unknown_class"
    (of_file,) = lines_of(filed.stdout)
    assert [one.category for one in of_file.unexpected] == [one.category for one in odd.unexpected] == ["surfboard"]
    assert filed.exit_code == 1


def test_a_file_is_what_it_holds_whatever_it_is_called(write_json, tmp_path):
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    (tmp_path / "picture.txt").write_bytes(picture)
    (tmp_path / "clip.dat").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    (tmp_path / "clip.bin").write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(100))
    write_json(instances({"a": ORDINARY}), "coco.jpeg")
    write_json('{"cup": 1}\n{"fork": 1}\n', "lines.json")
    write_json('{"images": [], "annotations": [], "categories": []}\n', "one_line.jsonl")
    expected = {
        "picture.txt": Kind.image,
        "clip.dat": Kind.video,
        "clip.bin": Kind.video,
        "coco.jpeg": Kind.scenes,
        "lines.json": Kind.lines,
        "one_line.jsonl": Kind.scenes,
    }
    assert {name: find_sources([str(tmp_path / name)])[0].kind for name in expected} == expected


def test_folders_and_patterns(tmp_path):
    for name in ("b.jpg", "a.JPG", ".hidden.jpg", "notes.md", "below/c.png", "below/d.mp4"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    found = find_sources([str(tmp_path / "photos")])
    assert [Path(source.path).name for source in found] == ["a.JPG", "b.jpg", "c.png", "d.mp4"]
    assert [source.kind for source in found] == [Kind.image] * 3 + [Kind.video]
    assert [Path(s.path).name for s in find_sources([str(tmp_path / "photos/**/*.png")])] == ["c.png"]
    (tmp_path / "photos/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")  # a label of YOLO beside its image
    assert [source.kind for source in find_sources([str(tmp_path / "photos")])] == [Kind.scenes]
    (tmp_path / "none").mkdir()
    assert find_sources([str(tmp_path / "none")])[0].problem == "no image, video or annotation is in this folder"


def test_images_are_detected_drawn_and_saved(check, detector, shared_coco, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(shared_coco / "images/photos", photos)
    (photos / "broken.jpg").write_bytes((photos / "dog.jpg").read_bytes()[:2000])
    done = check(
        photos, "--detector", detector, "--save", tmp_path / "saved", "--format", "jsonl", "--html", tmp_path / "f.html"
    )
    assert done.exit_code == 2
    found = {result.file_name: result for result in lines_of(done.stdout)}
    assert list(found) == ["broken.jpg", "dog.jpg", "horses.jpg", "person.jpg"]
    assert found["broken.jpg"].error is not None
    assert {"dog", "bicycle"} <= {one.category for one in found["dog.jpg"].objects}
    assert "horse" in {one.category for one in found["horses.jpg"].objects}
    assert found["dog.jpg"].calibration == "detections"
    assert lines_of((tmp_path / "saved/answers.jsonl").read_text()) == list(found.values())
    drawn = cv2.imread(str(tmp_path / "saved/dog.jpg"))
    original = cv2.imread(str(photos / "dog.jpg"))
    assert drawn is not None
    assert original is not None
    assert drawn.shape[1] == original.shape[1]
    assert sorted(path.name for path in (tmp_path / "saved").glob("*.jpg")) == ["dog.jpg", "horses.jpg", "person.jpg"]
    assert (tmp_path / "f.html").read_text().startswith("<!")


def test_detections_take_the_place_of_a_detector(check, write_json, tmp_path):
    for stem in ("000000000007", "8"):
        (tmp_path / f"{stem}.png").write_bytes(cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    results = [{"image_id": 7, "category_id": COCO_IDS[name], "bbox": [1, 2, 3, 4], "score": 0.9} for name in ODD]
    path = write_json(results, "detections.json")
    images = (tmp_path / "000000000007.png", tmp_path / "8.png")
    done = check(*images, "--detections", path, "--format", "jsonl", "--exit-zero")
    with_objects, without = lines_of(done.stdout)
    assert [found.category for found in with_objects.objects] == ODD
    assert (with_objects.width, with_objects.height) == (64, 48)
    assert without.objects == ()
    assert done.exit_code == 0


def test_frames_of_a_video_are_answered_with_their_time(check, detector, shared_coco, tmp_path):
    photo = cv2.resize(cv2.imread(str(shared_coco / "images/photos/dog.jpg")), (384, 288))
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (384, 288))
    for _ in range(25):
        writer.write(photo)
    writer.release()
    done = check(path, "--detector", detector, "--format", "jsonl")
    found = lines_of(done.stdout)
    assert [result.frame for result in found] == [0, 10, 20]
    assert [result.seconds for result in found] == pytest.approx([0, 1, 2])
    assert all("dog" in {one.category for one in result.objects} for result in found)
    assert len(lines_of(check(path, "--detector", detector, "--format", "jsonl", "--every", "0").stdout)) == 25
    assert check(path, "--detector", detector).stdout.splitlines()[1].startswith(f"{path} 0:01.0  ")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[:3000])
    done = check(cut, "--detector", detector, "--format", "jsonl")
    assert done.exit_code == 2
    assert "not a video, or one that lost its index" in lines_of(done.stdout)[-1].error.message


def test_all_images_of_val2017_have_answers(check, detector, shared_coco):
    """Real photographs: the first forty, in order, whatever the number of threads."""
    paths = sorted((shared_coco / "images/val2017").glob("*.jpg"))[:40]
    answers = [check(*paths, "--detector", detector, "--format", "jsonl", "--threads", n).stdout for n in (1, 2)]
    assert answers[0] == answers[1]
    found = lines_of(answers[0])
    assert [Path(result.source) for result in found] == paths
    assert all(result.error is None for result in found)
    assert sum(len(result.objects) for result in found) > 80


def test_a_reader_that_has_seen_enough_ends_it_quietly(write_json):
    path = write_json(instances({str(n): ODD for n in range(3000)}))
    command = f"contextual-anomaly check {path} --model coco-small --format jsonl | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


HEAVY = ("jax", "pandas", "matplotlib", "snakemake", "scipy", "sklearn", "onnx", "rich", "requests")
IMPORTS = """
import sys
from contextual_anomaly.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["check", "dog.jpg"], ["check", "-"], ["predict", "fork", "knife"], ["ask"]])
def test_what_takes_long_to_start_is_not_imported(arguments, shared_coco, detector, tmp_path):
    shutil.copy(shared_coco / "images/photos/dog.jpg", tmp_path)
    options = ["--detector", str(detector)] if "dog.jpg" in arguments else []
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *arguments, *options, "--model", "coco-small"],
        input="fork, knife\n", capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout
    imported = set(done.stderr.split())
    assert imported & {"numpy"}
    assert not imported & set(HEAVY)
