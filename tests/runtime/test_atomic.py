"""Files that appear whole or not at all, and what killed processes leave."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime import atomic
from contextual_anomaly.runtime.atomic import (
    atomic_folder,
    atomic_write,
    is_whole,
    read_manifest,
    read_text,
    require_whole,
    write_rows,
)
from tests.torture.outcomes import outcomes


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table.csv", "before")]


def test_leftovers_of_the_same_file_are_removed_and_no_others(tmp_path):
    names = (".table.4711.part.csv", ".table.5.4711.part.csv", ".table.part.csv", ".table.4711.part.parquet")
    for name in names:
        (tmp_path / name).write_text("half")
    with atomic_write(tmp_path / "table.csv") as temporary:
        temporary.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"table.csv", *names[1:]}


def test_the_temporary_file_of_a_living_process_is_left_alone(tmp_path):
    path = tmp_path / "table.csv"
    with atomic_write(path) as first:
        first.write_text("first")
        with atomic_write(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "table.csv").symlink_to("elsewhere")
    with atomic_write(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "elsewhere").read_text() == "kept"
    assert not (tmp_path / "table.csv").is_symlink()


def test_a_pipe_and_a_device_are_written_to_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        with atomic_write(tmp_path / "pipe") as temporary:
            temporary.write_text("through")
        assert reader.communicate()[0] == b"through"
    assert (tmp_path / "pipe").is_fifo()
    with atomic_write("/dev/null") as temporary:
        temporary.write_text("away")
    assert Path("/dev/null").is_char_device()
    program = "from contextual_anomaly.runtime.atomic import write_json; write_json([1], '/dev/stdout')"
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", program], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "[1]\n"
    assert Path("/dev/stdout").is_symlink()


def test_a_folder_in_the_way_is_named(tmp_path):
    with (
        pytest.raises(UserError, match="a file was to be written there, and a folder is there"),
        atomic_write(tmp_path),
    ):
        pass


def fill(folder: Path, files: dict[str, str]) -> None:
    with atomic_folder(folder) as temporary:
        for name, text in files.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_text(text)


def test_a_folder_is_replaced_as_a_whole_with_its_manifest(tmp_path):
    fill(tmp_path / "images", {"old.jpg": "old"})
    fill(tmp_path / "images", {"1.jpg": "one", "sub/2.jpg": "two"})
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "images/1.jpg",
        "images/sub/2.jpg",
        "images/.manifest.json",
    }
    sums = "".join(f"{about['sha256']}  {name}\n" for name, about in read_manifest(tmp_path / "images").items())
    subprocess.run(["sha256sum", "--check", "--strict"], input=sums.encode(), cwd=tmp_path / "images", check=True)
    assert is_whole(tmp_path / "images")


def test_a_folder_of_somebody_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.jpg").write_text("before")
    fill(tmp_path / "images", {"1.jpg": "one"})
    (tmp_path / "images/.manifest.json").unlink()
    (tmp_path / "images/thesis.tex").write_text("years")
    with pytest.raises(UserError, match=r"images: holds other files, thesis\.tex among them, and is not replaced"):
        fill(tmp_path / "images", {"1.jpg": "two"})
    assert {p.name: p.read_text() for p in (tmp_path / "images").iterdir()} == {"1.jpg": "one", "thesis.tex": "years"}
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "1.jpg is missing"),
        (lambda path: path.write_text("on"), "1.jpg has 2 bytes instead of 3"),
        (lambda path: path.write_text("two"), "1.jpg has changed"),
        (lambda path: (path.parent / ".manifest.json").write_text('{"files": {"1.jpg": {}}}'), "manifest is damaged"),
    ],
)
def test_what_happens_to_a_folder_is_noticed(tmp_path, damage, said):
    fill(tmp_path / "images", {"1.jpg": "one", "2.jpg": "two"})
    require_whole(tmp_path / "images", ["1.jpg"])
    damage(tmp_path / "images/1.jpg")
    with pytest.raises(UserError, match=said) as raised:
        require_whole(tmp_path / "images", ["1.jpg"])
    assert str(raised.value).startswith(str(tmp_path / "images"))
    assert "Delete the folder and run again" in str(raised.value)
    assert not is_whole(tmp_path / "images")


def test_a_folder_without_a_manifest_is_somebodys_own(tmp_path):
    require_whole(tmp_path, ["anything.jpg"])
    assert not is_whole(tmp_path)


FILLER = """
import sys
from pathlib import Path
from contextual_anomaly.runtime.atomic import atomic_folder
while True:
    with atomic_folder(sys.argv[1]) as folder:
        for number in range(50):
            (folder / f"{number}.txt").write_text(f"{number} of {sys.argv[2]}")
"""


def test_processes_killed_at_random_leave_the_folder_whole_or_absent(tmp_path):
    moments, folder = random.Random(3), tmp_path / "shared"
    for _ in range(8):
        writers = [subprocess.Popen([sys.executable, "-c", FILLER, folder, str(n)]) for n in range(3)]
        time.sleep(moments.uniform(0.05, 0.4))
        for writer in writers:
            writer.kill()
            writer.wait()
        if folder.exists():
            assert len(read_manifest(folder)) == 50
            assert is_whole(folder)
    fill(folder, {"1.jpg": "one"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shared"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file/out.csv", "file: a file is there, where a folder was expected"),
        ("file/sub/out.csv", "a file is above it"),
        ("loop/out.csv", "links lead in a circle"),
        ("x" * 300 + ".csv", "the name is longer than this file system allows"),
        ("/dev/full", "no space left on the device"),
        ("/proc/out.csv", "there is no such file or folder"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_path(tmp_path, name, said):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=said) as raised, atomic_write(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert str(raised.value).startswith(str((tmp_path / name).parent))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "loop"]
    assert (tmp_path / "file").read_text() == "kept"


def test_an_error_of_the_block_itself_comes_through(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "out.csv"):
        _ = 1 / 0
    with pytest.raises(UserError, match="nowhere: there is no such file"), atomic_write(tmp_path / "out.csv"):
        (tmp_path / "nowhere").read_text()


def test_a_file_that_has_no_digest_of_its_own_has_one_beside_it_in_the_workflow(tmp_path, monkeypatch):
    path = tmp_path / "images.csv"
    write_rows([{"status": "run"}], ["status"], path)
    assert [p.name for p in tmp_path.iterdir()] == ["images.csv"]
    monkeypatch.setattr(atomic, "_digests_wanted", False)  # as before, in the end
    atomic.keep_digests()
    write_rows([{"status": "run"}], ["status"], path)
    subprocess.run(["sha256sum", "--check", "--strict", ".images.csv.sha256"], cwd=tmp_path, check=True)
    assert read_text(path, "a table") == "status\nrun\n"
    assert outcomes(path, lambda: read_text(path, "a table")).keys() == {"clear"}
    monkeypatch.setattr(atomic, "_digests_wanted", False)  # somebody runs the command again by hand
    write_rows([{"status": "absent"}], ["status"], path)
    assert read_text(path, "a table") == "status\nabsent\n"
    (tmp_path / ".images.csv.sha256").unlink()
    path.write_text("meant")
    assert read_text(path, "a table") == "meant"
