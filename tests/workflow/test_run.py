"""`make run` removes the locks of a run that is known to be dead, and no others."""

import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from contextual_anomaly.workflow.run import RECORD, last_run_was_killed


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
