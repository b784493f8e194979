"""Time and memory that a command took, as data."""

import resource
import sys
from pathlib import Path

from contextual_anomaly.runtime.atomic import write_json

BYTES_IN_MAXRSS = 1 if sys.platform == "darwin" else 1024
"""macOS counts `ru_maxrss` in bytes, Linux in kibibytes."""


def peak_memory_mb() -> float:
    """Return the peak memory of this process plus that of its largest finished child process, in MiB.

    The sum is an upper bound. Linux counts a child process as at least as large as its parent was when it started it.
    """
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * BYTES_IN_MAXRSS
    return (_own_peak() + largest_child) / 2**20


def _own_peak() -> int:
    """Return the peak memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss, this starts anew where a large process has started this one.
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_IN_MAXRSS


def write_usage(path: Path, command: str, seconds: float) -> None:
    """Write a command's wall time and peak memory as JSON.

    Args:
        path: the file to write.
        command: the command's name, as on the command line.
        seconds: its wall time.
    """
    usage = {"command": command, "seconds": round(seconds, 3), "peak_memory_mb": round(peak_memory_mb(), 1)}
    write_json(usage, path)
