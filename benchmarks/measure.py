"""What every benchmark needs: a process timed with all that it starts, and a row of the table of results.

Ours and its peer are run by turns, several times each, and their medians compared: absolute times drift on a shared
machine, and what disturbs one disturbs the other.
"""

import csv
import os
import platform
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(os.environ.get("BENCHMARK_RESULTS", ROOT / "results" / "benchmarks.csv"))
WORK = ROOT / "results" / "benchmarks"  # what benchmarks write in between
SECONDS_BETWEEN_LOOKS = 0.02  # each look takes time from what is measured


@dataclass(frozen=True)
class Row:
    """One comparison; times are medians."""

    stage: str
    peer: str  # empty: measured against a bar, not against a peer
    seconds: float
    peer_seconds: float | None
    ratio: float | None  # how many times faster than the peer
    peak_mb: float | None  # of all processes together
    runs: int
    work: str  # what has to be done at least
    bound_seconds: float | None  # what that takes at the speed that this machine has shown
    machine: str


@dataclass(frozen=True)
class Run:
    """One process with all that it started."""

    seconds: float
    peak_mb: float
    output: str


def run(*command, env: dict[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Run ``command`` to its end; ends this program where it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    peak = 0
    ended = threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            peak = max(peak, _resident(process.pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with status {process.returncode}:\n{output}")
    return Run(seconds, peak / 1e6, output)


def _resident(root: int) -> int:
    """Bytes in memory of a process and its descendants; what several share is counted for each."""
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in Path(f"/proc/{process}/task").iterdir():
                waiting.extend(map(int, (task / "children").read_text().split()))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return total


def by_turns(runs: int, *tasks) -> list[list]:
    """What each task gives in each of ``runs`` rounds."""
    rounds = [[task() for task in tasks] for _ in range(runs)]
    return [list(column) for column in zip(*rounds, strict=True)]


def middle(runs: list[Run]) -> tuple[float, float]:
    """Median seconds, and the largest peak of memory in MB."""
    return median(r.seconds for r in runs), max(r.peak_mb for r in runs)


def command(*arguments) -> list[str]:
    """`contextual-anomaly` of the environment that runs this benchmark."""
    return [str(Path(sys.executable).with_name("contextual-anomaly")), *map(str, arguments)]


def peer_python() -> str:
    """The interpreter of the peers' own environment (see `make benchmark`)."""
    python = os.environ.get("BENCHMARK_PYTHON", ROOT / ".venv-benchmark" / "bin" / "python")
    if not Path(python).exists():
        sys.exit(f"{python}: no environment of the peers; make it with `make .venv-benchmark/.ready`.")
    return str(python)


def coco() -> Path:
    """A local copy of COCO 2017."""
    folder = Path(os.environ.get("CONTEXTUAL_ANOMALY_DATA", ROOT / "data"))
    if not (folder / "annotations" / "instances_train2017.json").is_file():
        sys.exit(
            f"{folder}/annotations/instances_train2017.json: there is no such file. Name a folder with COCO 2017's "
            "annotations by CONTEXTUAL_ANOMALY_DATA."
        )
    return folder


def machine() -> str:
    """Processor, cores, memory and system, in words."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def report(
    stage: str,
    peer: str,
    seconds: float,
    *,
    runs: int,
    work: str,
    peer_seconds: float | None = None,
    peak_mb: float | None = None,
    bound_seconds: float | None = None,
) -> None:
    """Print a comparison and put it into the table, in place of an earlier one of the same stage and peer."""
    ratio = peer_seconds / seconds if peer_seconds else None
    row = Row(stage, peer, seconds, peer_seconds, ratio, peak_mb, runs, work, bound_seconds, machine())
    against = f", {peer} {peer_seconds:.4g} s: {ratio:.3g} times as fast" if ratio else ""
    memory = f", peak {peak_mb:.0f} MB" if peak_mb else ""
    bound = f", bound {bound_seconds:.3g} s" if bound_seconds else ""
    print(f"{stage}: {seconds:.4g} s{against}{memory} ({work}{bound}; median of {runs})", flush=True)
    names = [field.name for field in fields(Row)]
    kept = []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            kept = [r for r in csv.DictReader(file) if (r["stage"], r["peer"]) != (stage, peer)]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
        writer.writerow({name: _rounded(getattr(row, name)) for name in names})


def _rounded(value):
    return f"{value:.4g}" if isinstance(value, float) else value
