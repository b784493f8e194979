"""A run that is killed, again and again: the same command goes on, to the bytes of a run that nobody has disturbed."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.processes import unmeasured

pytestmark = pytest.mark.workflow
KILLS = 10


def start(project, *arguments: str) -> subprocess.Popen:
    """The workflow in a process group of its own, as `make run` starts it."""
    command = [
        sys.executable,
        "-m",
        "contextual_anomaly.workflow.run",
        "--cores",
        "2",
        *arguments,
        "--configfile",
        "small.yaml",
    ]
    environment = unmeasured() | {"PYTHONPATH": str(project.folder / "src")}
    with (project.folder / "said.txt").open("a") as said:
        return subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )


def kill_at(project, moment: float) -> None:
    """Start the workflow and kill all of it ``moment`` seconds after its first step began."""
    log = project.folder / "said.txt"
    before = len(log.read_text()) if log.exists() else 0
    run = start(project)
    try:
        while " …" not in log.read_text()[before:]:
            assert run.poll() is None, log.read_text()[before:]
            time.sleep(0.02)
        time.sleep(moment)
        # It must not have come to its end before it is killed.
        assert run.poll() is None, "the workflow is faster than this test expects"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_killed_at_ten_random_moments_it_gives_the_same_bytes(finished, fresh):
    moments = random.Random(7)
    for _ in range(KILLS):
        kill_at(fresh, moments.uniform(0, 1))
    run = start(fresh)
    assert run.wait() == 0
    assert "The last run here was killed. Its locks are removed" in (fresh.folder / "said.txt").read_text()
    assert fresh.digests() == finished.digests()
    assert fresh.planned() == {}


def test_two_runs_in_one_folder_are_refused(fresh):
    first = start(fresh)
    try:
        while not any((fresh.folder / ".snakemake/locks").glob("*.lock")):
            assert first.poll() is None
            time.sleep(0.02)
        second = fresh.snakemake(check=False)
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
