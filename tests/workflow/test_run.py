"""`make run` removes the locks of a run that is known to be dead, and no others."""

import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from contextual_anomaly.workflow.run import RECORD, last_run_was_killed, provide_home_and_name


@pytest.fixture
def folder(tmp_path):
    """`.snakemake` with a lock in it."""
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").write_text("a file\n")
    return tmp_path / ".snakemake"


@pytest.fixture
def dead():
    """A process that has been and is no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    return {"host": socket.gethostname(), "pid": process.pid, "start": start}


def record(folder, **content):
    (folder / RECORD).write_text(json.dumps(content))


def test_a_run_that_is_gone_was_killed(folder, dead):
    record(folder, **dead)
    assert last_run_was_killed(folder)
    (folder / "locks/0.input.lock").unlink()  # it came to its end
    assert not last_run_was_killed(folder)


def test_a_process_that_has_the_number_of_the_dead_one_is_another(folder, dead):
    record(folder, **dead | {"pid": os.getpid()})
    assert last_run_was_killed(folder)


@pytest.mark.parametrize("difference", [{"host": "another"}, {"pid": None}])
def test_what_is_not_known_to_be_dead_stays(folder, dead, difference):
    record(folder, **dead | difference)
    assert not last_run_was_killed(folder)


def test_locks_of_a_run_that_lives_stay(folder):
    me = psutil.Process()
    record(folder, host=socket.gethostname(), pid=me.pid, start=me.create_time())
    assert not last_run_was_killed(folder)


def test_locks_that_snakemake_alone_has_made_stay(folder):
    assert not last_run_was_killed(folder)


def test_another_snakemake_in_the_folder_keeps_its_locks(folder, dead, tmp_path):
    record(folder, **dead)
    program = tmp_path / "snakemake"
    program.write_text("input()")
    other = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, cwd=tmp_path)
    try:
        assert not last_run_was_killed(folder)
    finally:
        other.kill()
        other.wait()
    assert last_run_was_killed(folder)


def test_a_user_without_a_home_or_a_name_gets_both(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {"HOME": "/nonexistent", "PATH": os.environ["PATH"]})
    provide_home_and_name(tmp_path / ".snakemake")
    assert os.environ["HOME"] == str(tmp_path / ".snakemake/home")
    assert (tmp_path / ".snakemake/home").is_dir()
    mine = {"HOME": str(tmp_path), "USER": "me"}
    monkeypatch.setattr(os, "environ", dict(mine))
    provide_home_and_name(tmp_path / ".snakemake")
    assert os.environ == mine


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become a user without a name")
def test_a_number_without_a_user_has_a_name_and_a_folder_that_is_not_writable_is_named(tmp_path):
    tmp_path.chmod(0o755)
    program = (
        "import os, pwd; from contextual_anomaly.workflow import run; os.setuid(54321); "
        "[os.environ.pop(name, None) for name in ('USER', 'LOGNAME', 'USERNAME', 'LNAME')]; run.provide_home_and_name(run.Path('/tmp/unused')); "
        "print(os.environ['USER']); run.main()"
    )
    # That user could not write what the lines of code that run are counted in.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | {"HOME": "/tmp"}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, text=True, capture_output=True, env=env)
    assert done.stdout == "user54321\n"
    assert f"error: {tmp_path}: this folder cannot be written by this user" in done.stderr
    assert "Traceback" not in done.stderr
