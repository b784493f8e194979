"""The command line as a person meets it: help, mistakes, and what is left behind."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from contextual_anomaly import cli
from contextual_anomaly.cli import COMMANDS, FOR_PEOPLE, application, invoked_command
from tests.processes import unmeasured


def run(*arguments, **options):
    return subprocess.run(["contextual-anomaly", *map(str, arguments)], text=True, capture_output=True, **options)


@pytest.fixture(scope="module")
def commands():
    """Every command as Typer has it."""
    return get_command(application()).commands


def test_help_shows_what_people_use_and_the_stages(commands):
    text = CliRunner().invoke(application(), ["--help"], env={"COLUMNS": "120", "TERM": "dumb"}).output
    people, _, stages = text.partition("Stages of the workflow")
    for name, command in commands.items():
        assert (name in stages or name in people) is not command.hidden
    assert all(name.replace("_", "-") in people.partition("For people")[2] for name in FOR_PEOPLE)
    assert {name.replace("-", "_") for name in commands} - {"ask"} == set(COMMANDS)


def test_each_command_explains_itself_and_its_options(commands):
    for name, command in commands.items():
        assert re.match(r"[A-Z][^\n]+[.:]", command.help), name
        assert f"contextual-anomaly {'predict' if name == 'ask' else name}" in command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.name == "help", (name, parameter.name)


def test_every_module_of_the_commands_is_a_command():
    modules = (Path(cli.__file__).parent / "commands").glob("[!_]*.py")
    assert {path.stem for path in modules} == set(COMMANDS)


def test_a_shell_completes_commands():
    asked = {"_CONTEXTUAL_ANOMALY_COMPLETE": "complete_bash", "COMP_WORDS": "contextual-anomaly ev", "COMP_CWORD": "1"}
    done = run(env=os.environ | asked)
    assert done.stdout.split() == ["evaluate-detector", "evaluate-rescoring", "evaluate-audit", "evaluate-watch"]


def test_the_package_runs_as_a_module_too():
    """Where scripts are not on the path, as after `pip install --user`."""
    asked = ["predict", "cup", "fork", "surfboard", "--model", "coco-small", "--json"]
    module = [sys.executable, "-m", "contextual_anomaly"]
    done = subprocess.run([*module, *asked], text=True, capture_output=True, check=True)
    assert done.stdout == run(*asked).stdout
    mistaken = subprocess.run([*module, "predict", "kup"], text=True, capture_output=True)
    assert mistaken.returncode == 2
    assert "did you mean cup" in mistaken.stderr


def test_the_old_name_of_predict_still_works(tmp_path):
    done = run("ask", "cup", "--run", tmp_path)
    assert done.returncode == 2
    assert "there are no models, so this is not the folder of a run" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], None),
        (["--version"], None),
        (["fit", "scenes"], "fit"),
        (["--usage", "scenes", "fit"], "fit"),
        (["--usage=x", "fit"], "fit"),
        (["--usage"], None),
    ],
)
def test_the_command_of_a_command_line(arguments, command):
    assert invoked_command(arguments) == command


def test_a_fault_of_the_program_shows_where_it_is():
    program = """
import sys
from contextual_anomaly import cli
from contextual_anomaly.commands import configuration as module

def configuration():
    1 / 0

module.configuration = configuration
sys.argv = ["contextual-anomaly", "configuration"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


@pytest.fixture
def annotations(tmp_path):
    """A function that runs `annotations` on a file; the output folder beside it."""

    def read(path, *more, **options):
        out = tmp_path / "out"
        targets = [f"--{name}={out}/{name}.parquet" for name in ("annotations", "images", "categories")]
        return run("annotations", path, *targets, *more, **options), out

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
    [('{"images": [{"id": 1', "truncated"), ("[1, 2]", "json of a list"), ('{"a": 1}', "images"), ("", "empty")],
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


def test_what_was_wrong_is_in_the_log_and_in_a_table(annotations, instances, write_json, tmp_path):
    instances["annotations"][0]["bbox"] = [1, 2, 0, 4]
    instances["annotations"][1]["image_id"] = 99
    path = write_json(instances)
    done, _ = annotations(path, "--split=val", f"--problems={tmp_path}/p.csv", f"--checked={tmp_path}/c.parquet")
    assert done.returncode == 0, done.stderr
    assert (
        "box_zero (1 at annotations record 0 (id 1)): bbox [1, 2, 0, 4]: the object counts for its class" in done.stderr
    )
    rows = (tmp_path / "p.csv").read_text().splitlines()
    assert rows[0] == "split,kind,count,first_record,found,action"
    assert [row.split(",")[:3] for row in rows[1:]] == [["val", "box_zero", "1"], ["val", "image_not_listed", "1"]]
    strict, _ = annotations(path, "--strict")
    assert strict.returncode == 2
    assert "box_zero (1" in strict.stderr
    assert "image_not_listed (1" in strict.stderr
    assert strict.stderr.count("error:") == 1


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

    # The coverage of this process cannot be written under the limit either, and that would give a traceback of its own.
    done, out = annotations(write_json(instances), preexec_fn=limit, env=unmeasured())
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())
