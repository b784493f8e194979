"""The command line as a person meets it: help, mistakes, and what is left behind."""

import json
import os
import resource
import subprocess

import pytest

from contextual_anomaly.cli import COMMANDS


def run(*arguments, **options):
    return subprocess.run(["contextual-anomaly", *map(str, arguments)], text=True, capture_output=True, **options)


def test_help_lists_every_stage():
    text = run("--help").stdout
    for command in COMMANDS:
        assert command.replace("_", "-") in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    done = run(command.replace("_", "-"), "--help", env=os.environ | {"COLUMNS": "200", "TERM": "dumb"})
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.fixture
def annotations(tmp_path):
    """A function that runs `annotations` on a file; the output folder beside it."""

    def read(path, **options):
        out = tmp_path / "out"
        targets = [f"--{name}={out}/{name}.parquet" for name in ("annotations", "images", "categories")]
        return run("annotations", path, *targets, **options), out

    return read


def broken(instances, change):
    content = json.loads(json.dumps(instances))
    change(content)
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["images"][1].update(id=7), "have the same id 7"),
        (lambda c: c.update(annotations=[]), "annotations is empty"),
        (lambda c: c.pop("categories"), "categories is missing"),
        (
            lambda c: [a.update(image_id=99) for a in c["annotations"]],
            "image_not_listed (3, first annotations record 0",
        ),
    ],
)
def test_what_makes_a_file_unusable_is_named_and_nothing_is_written(annotations, instances, write_json, change, said):
    path = write_json(broken(instances, change))
    done, out = annotations(path)
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert str(path) in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"images": [{"id": 1', "truncated"), ("[1, 2]", "images is missing"), ('{"a": 1}', "images"), ("", "empty")],
)
def test_a_file_that_is_not_coco(annotations, write_json, content, said):
    path = write_json(content)
    done, out = annotations(path)
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert said in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())


def test_a_missing_file(annotations, tmp_path):
    done, _ = annotations(tmp_path / "nowhere.json")
    assert done.returncode == 2
    assert f"{tmp_path / 'nowhere.json'}: " in done.stderr
    assert "there is no such file" in done.stderr


def test_class_lists_that_differ(annotations, instances, write_json, tmp_path):
    done, out = annotations(write_json(instances))
    assert done.returncode == 0, done.stderr
    first = tmp_path / "first"
    out.rename(first)
    annotations(write_json(broken(instances, lambda c: c["categories"][0].update(name="flask"))))
    options = [
        f"--{s}-{t}={f}/{t}.parquet" for s, f in (("train", first), ("val", out)) for t in ("annotations", "categories")
    ]
    targets = [
        f"--train-scenes={tmp_path}/t.parquet",
        f"--val-scenes={tmp_path}/v.parquet",
        f"--train-scenes-unfiltered={tmp_path}/e.parquet",
        f"--val-scenes-unfiltered={tmp_path}/f.parquet",
        f"--class-counts={tmp_path}/c.csv",
    ]
    done = run("scenes", *options, *targets, "--dataset=x", "--minimum-classes=1")
    assert done.returncode == 2
    assert "Only in the first: 44 bottle; only in the second: 44 flask" in done.stderr
    assert not list(tmp_path.glob("*.csv"))


def test_no_space_on_the_device(annotations, instances, write_json, tmp_path):
    """A full device, as the kernel reports one: a file system of a few kilobytes, mounted for the test."""
    small = tmp_path / "out"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        done, out = annotations(write_json(instances))
        assert done.returncode == 2
        assert "no space left on the device" in done.stderr
        assert "Traceback" not in done.stderr
        assert not [path for path in out.iterdir() if path.stat().st_size == 0 or ".part" in path.name]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_limit_on_file_size_is_no_traceback(annotations, instances, write_json):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done, out = annotations(write_json(instances), preexec_fn=limit)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())
