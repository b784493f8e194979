"""Snakemake's locks are freed where their run is dead, and only there."""

import subprocess
import sys

from contextual_anomaly.workflow.locks import free_locks_of_killed_runs

# A run: it says what it found and lives until it is killed.
RUN = "import sys; from contextual_anomaly.workflow import locks as w; print(w.free_locks_of_killed_runs(sys.argv[1])); " \
      "sys.stdout.flush(); sys.stdin.read()"  # fmt: skip


def run(folder) -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_locks_are_freed_once_every_run_is_dead(tmp_path):
    folder = tmp_path / ".snakemake"
    locks = folder / "locks"
    first, freed = run(folder)
    assert freed == "False"
    locks.mkdir()
    (locks / "0.input.lock").write_text("a file\n")
    second, freed = run(folder)  # on other files, say
    assert freed == "False"
    first.kill()
    first.wait()
    third, freed = run(folder)
    assert freed == "False"
    assert list(locks.iterdir())
    for process in (second, third):
        process.kill()
        process.wait()
    assert free_locks_of_killed_runs(folder)
    assert not list(locks.iterdir())


def test_a_folder_that_cannot_be_made_is_left_to_snakemake(tmp_path):
    (tmp_path / "file").write_text("")
    assert not free_locks_of_killed_runs(tmp_path / "file" / ".snakemake")
