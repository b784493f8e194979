"""The workflow on a real SLURM, of one node and on loopback: the same bytes, retries, and what Ctrl-C leaves behind."""

import fcntl
import math
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.processes import unmeasured
from tests.workflow.conftest import ROOT, Project

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]
SCRIPTS = ROOT / "tests/cluster"
# The defaults wait 40 s before they look at a job, for clusters whose jobs take hours.
SOON = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
# Jobs of one core each, so that two run side by side on a machine of two.
NARROW = ("--cores", "1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """SLURM, up; or a skip that says why it cannot be had here."""
    with open(Path(tempfile.gettempdir()) / "contextual-anomaly.slurm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a machine has one /etc/slurm
        folder = tmp_path_factory.mktemp("slurm")
        up = subprocess.run([SCRIPTS / "slurm_up.sh", folder], capture_output=True, text=True)
        if up.returncode == 2:
            pytest.skip(up.stderr.strip().splitlines()[-1])
        assert up.returncode == 0, up.stderr
        try:
            yield
        finally:
            subprocess.run([SCRIPTS / "slurm_down.sh", folder], check=True)


def start(project: Project, *arguments: str) -> subprocess.Popen:
    """Snakemake with the profile, its output in `said.txt`, in a process group of its own as a shell starts it."""
    command = [
        "snakemake",
        "--workflow-profile",
        "profiles/slurm",
        *SOON,
        *NARROW,
        *arguments,
        "--configfile",
        "small.yaml",
    ]
    environment = unmeasured() | {"PYTHONPATH": str(project.folder / "src")}
    with (project.folder / "said.txt").open("w") as said:
        return subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
            # Under cron, nohup or `&` SIGINT is ignored, and children inherit that: here it must mean what Ctrl-C does.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def running(rule: str, snakemake: subprocess.Popen, after: str = "") -> str:
    """The id of a job of ``rule`` that runs, another one than ``after``."""
    while snakemake.poll() is None:
        # The plugin keeps the rule in the job's comment.
        listed = subprocess.run(
            ["squeue", "--noheader", "--states=RUNNING", "--format=%A %k"], capture_output=True, text=True, check=True
        )
        for line in listed.stdout.splitlines():
            job, _, comment = line.partition(" ")
            if rule in comment and job != after:
                return job
        time.sleep(0.1)
    raise AssertionError(f"no job of {rule} ran")


def limits_of(job: str) -> tuple[str, str]:
    """Memory and time limit of a job."""
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
    return re.search(r"MinMemoryNode=(\S+)", shown)[1], re.search(r"TimeLimit=(\S+)", shown)[1]


def test_the_whole_workflow_gives_the_bytes_of_the_local_run_though_a_job_dies(cluster, finished, fresh):
    planned = fresh.planned()
    snakemake = start(fresh)
    try:
        killed = running("world_detector", snakemake)
        asked = limits_of(killed)
        subprocess.run(["scancel", "--full", "--signal=KILL", killed], check=True)
        asked_again = limits_of(running("world_detector", snakemake, after=killed))
        assert snakemake.wait(1800) == 0, said(fresh)
    finally:
        snakemake.kill()

    text = said(fresh)
    assert "Trying to restart job" in text
    jobs = re.findall(r"has been submitted with SLURM jobid (\d+) \(log: .*slurm_logs/(\w+)", text)
    assert (asked, asked_again) == (("3000M", "00:10:00"), ("6000M", "00:20:00"))
    # Models and shards are jobs of their own, small steps go together.
    rules = [rule for _, rule in jobs]
    assert rules.count("rule_fit") == planned["fit"] > 2
    assert rules.count("rule_detect") == planned["detect"] == 2
    experiments = planned["experiment_published"] + planned["experiment_corrected"]
    assert sum(rule.startswith("group_experiment1_") for rule in rules) == math.ceil(experiments / 4)
    for group in ("prepare", "listing", "experiment2"):
        assert sum(rule.startswith(f"group_{group}_") for rule in rules) == 1
    assert "rule_configuration" not in rules

    assert finished.digests() == fresh.digests()
    assert fresh.planned() == {}


def test_ctrl_c_cancels_the_jobs(cluster, fresh):
    snakemake = start(fresh, "prepare")
    try:
        running("prepare", snakemake)
        os.killpg(snakemake.pid, signal.SIGINT)
        assert snakemake.wait(60) != 0
    finally:
        snakemake.kill()
    until = time.monotonic() + 15
    while (queue := subprocess.check_output(["squeue", "--noheader"], text=True)) and time.monotonic() < until:
        time.sleep(0.2)
    assert queue == ""
    assert not (fresh.folder / "results/scenes/val.parquet").exists()


def said(project: Project) -> str:
    """What Snakemake wrote so far."""
    return (project.folder / "said.txt").read_text()
