"""`make run`: Snakemake, which goes on where the last run in this folder was killed.

Snakemake keeps a killed run's locks until a person removes them by `snakemake --unlock`. `python -m
contextual_anomaly.workflow.run ARGUMENTS` does that by itself, but only where the last run that it started is known to
be dead: it was on this machine, its process is gone, and no other Snakemake is at work in this folder. It also runs for a
user without a name or without a home that can be written, which Snakemake alone does not.
"""

import getpass
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

RECORD = "contextual_anomaly.run.json"
"""In `.snakemake`: machine, process and start of the last run."""


def last_run_was_killed(folder: Path) -> bool:
    """Return whether locks are left that nobody holds any more.

    Args:
        folder: `.snakemake` of the working directory.
    """
    if not any((folder / "locks").glob("*.lock")):
        return False
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        is_here = record["host"] == socket.gethostname()
        is_alive = psutil.pid_exists(record["pid"]) and psutil.Process(record["pid"]).create_time() == record["start"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False
    return is_here and not is_alive and not _snakemake_is_at_work(folder.resolve().parent)


def _snakemake_is_at_work(working_directory: Path) -> bool:
    for process in psutil.process_iter():
        try:
            is_snakemake = any("snakemake" in Path(word).name for word in process.cmdline()[:3])
            if is_snakemake and process.pid != os.getpid() and Path(process.cwd()) == working_directory:
                return True
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return False


def provide_home_and_name(folder: Path) -> None:
    """Set HOME and USER where Snakemake would fail: it keeps caches in the user's home, and asks for the user's name.

    Args:
        folder: `.snakemake` of the working directory, which gets the home.
    """
    caches_are_elsewhere = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME"} <= os.environ.keys()
    if not caches_are_elsewhere and not os.access(os.environ.get("HOME") or os.path.expanduser("~"), os.W_OK):
        home = (folder / "home").resolve()
        home.mkdir(parents=True, exist_ok=True)
        os.environ["HOME"] = str(home)
        print(f"There is no home that can be written: caches go to {home}.", flush=True)
    try:
        getpass.getuser()
    except (KeyError, OSError):  # a number without an entry among the users, as in containers
        os.environ["USER"] = f"user{os.getuid()}"


def main() -> None:
    """Remove a killed run's locks, note which process this is, and become Snakemake."""
    if not os.access(".", os.W_OK):
        sys.exit(
            f"error: {Path.cwd()}: this folder cannot be written by this user. Run in another one, and name the workflow: "
            f"{Path(sys.executable).name} -m contextual_anomaly.workflow.run --snakefile {Path.cwd() / 'Snakefile'} --cores all"
        )
    folder, snakemake = Path(".snakemake"), str(Path(sys.executable).with_name("snakemake"))
    provide_home_and_name(folder)
    if last_run_was_killed(folder):
        print("The last run here was killed. Its locks are removed, and its work goes on.", flush=True)
        subprocess.run([snakemake, "--unlock", *sys.argv[1:]], check=True, stderr=subprocess.DEVNULL)
    folder.mkdir(exist_ok=True)
    me = {"host": socket.gethostname(), "pid": os.getpid(), "start": psutil.Process().create_time()}
    (folder / RECORD).write_text(json.dumps(me), encoding="utf-8")
    os.execv(snakemake, [snakemake, *sys.argv[1:]])


if __name__ == "__main__":
    main()
