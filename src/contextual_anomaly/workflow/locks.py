"""Snakemake's locks of runs that were killed, which would keep the same command from going on."""

import fcntl
from pathlib import Path

LOCKS = "locks"
"""Where Snakemake lists the files that a run reads and writes, until the run ends by itself."""
_held = []  # for as long as the process lives: the system then lets go, however it ends


def free_locks_of_killed_runs(folder: str | Path = ".snakemake") -> bool:
    """Take away Snakemake's locks where every run that took them is dead.

    Each run shares a lock of the operating system as long as it lives. Where another one does, nothing is done, and
    Snakemake refuses to run on the same files.

    Returns:
        Whether there were such locks.
    """
    folder = Path(folder)
    left = []
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / "contextual_anomaly.runs").open("w")
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left = list((folder / LOCKS).glob("*.lock"))
            for lock in left:
                lock.unlink()
        except BlockingIOError:
            pass
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:  # a folder that cannot be written, or a file system without locks: then it is as with any workflow
        return False
    return bool(left)
