"""What every benchmark needs: a process timed with all that it starts, and a row of the table of results.

Ours and its peer are run by turns, several times each, and their medians compared: absolute times drift on a shared
machine, and what disturbs one disturbs the other. Beside the ratio of the medians stands the range of the rounds' ratios.

A stage whose data or peer is not here raises `Lacking`; `main_of` says what is lacking and ends with the status `SKIPPED`,
so that `run.py` goes on with the next.
"""

import csv
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(os.environ.get("BENCHMARK_RESULTS", ROOT / "results" / "benchmarks.csv"))
WORK = ROOT / "results" / "benchmarks"  # what benchmarks write in between
SECONDS_BETWEEN_LOOKS = 0.02  # each look takes time from what is measured
SKIPPED = 77
"""Exit status of a stage that was not measured because something is not here."""


class Lacking(Exception):
    """Data or a program of a peer is not here; the message says which, and how to get it."""


def main_of(stage: Callable[[], None]) -> None:
    """Run a stage; where something is not here, say what, and end with `SKIPPED`."""
    try:
        stage()
    except Lacking as lacking:
        print(f"{Path(sys.argv[0]).stem}: skipped: {lacking}", flush=True)
        sys.exit(SKIPPED)


def optional(task: Callable):
    """What a task gives, or None after saying what is lacking: for one part or peer of several."""
    try:
        return task()
    except Lacking as lacking:
        print(f"a part is skipped: {lacking}", flush=True)
        return None


@dataclass(frozen=True)
class Row:
    """One comparison; times are medians."""

    stage: str
    peer: str  # empty: measured against a bar, not against a peer
    seconds: float
    peer_seconds: float | None
    ratio: float | None  # how many times as fast as the peer
    ratio_low: float | None  # smallest and largest of the rounds
    ratio_high: float | None
    peak_mb: float | None  # of all processes together
    runs: int
    work: str  # what has to be done at least
    bound_seconds: float | None  # what that takes at the speed that this machine has shown
    times_bound: float | None  # how many times the bound it takes
    date: str
    machine: str


@dataclass(frozen=True)
class Run:
    """One process with all that it started."""

    seconds: float
    peak_mb: float
    output: str
    processor_seconds: float  # of all cores together; it hardly depends on what else the machine does


def run(*command, env: dict[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Run ``command`` to its end; ends this program where it fails."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
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
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with status {process.returncode}:\n{output}")
    return Run(seconds, peak / 1e6, output, processor_seconds)


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


def seconds_of(runs: Sequence[Run]) -> list[float]:
    """Seconds of each run."""
    return [r.seconds for r in runs]


def command(*arguments) -> list[str]:
    """`contextual-anomaly` of the interpreter that runs this benchmark."""
    return [sys.executable, "-m", "contextual_anomaly", *map(str, arguments)]


def peer_python(module: str) -> str:
    """The interpreter of the peers' own environment (see `make benchmark`), if that has a module.

    Raises:
        Lacking: there is no such environment, or the module is not in it.
    """
    python = os.environ.get("BENCHMARK_PYTHON", ROOT / ".venv-benchmark" / "bin" / "python")
    if not Path(python).exists():
        raise Lacking(f"{module}: {python}, the environment of the peers, is not here: make .venv-benchmark/.ready")
    search = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    if subprocess.run([python, "-c", search]).returncode:
        raise Lacking(f"{module}: not in the environment of {python}")
    return str(python)


def coco() -> Path:
    """A local copy of COCO 2017."""
    folder = Path(os.environ.get("CONTEXTUAL_ANOMALY_DATA", ROOT / "data"))
    if not (folder / "annotations" / "instances_train2017.json").is_file():
        raise Lacking(
            f"{folder}/annotations/instances_train2017.json: there is no such file. Name a folder with COCO 2017's "
            "annotations by CONTEXTUAL_ANOMALY_DATA."
        )
    return folder


def detector_file(name: str) -> str:
    """A detector by its name, fetched once, or the file that is given.

    Raises:
        Lacking: it is not here and cannot be fetched.
    """
    # Other stages start without it.
    from contextual_anomaly.errors import UserError
    from contextual_anomaly.pretrained.detectors import fetch

    if Path(name).is_file():
        return name
    try:
        return str(fetch(name))
    except UserError as error:
        raise Lacking(f"{error} Or --detector names a file.") from error


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
    seconds: float | Sequence[float],
    *,
    work: str,
    runs: int | None = None,
    peer_seconds: float | Sequence[float] | None = None,
    peak_mb: float | None = None,
    bound_seconds: float | None = None,
) -> None:
    """Print a comparison and put it into the table, in place of an earlier one of the same stage and peer.

    Args:
        stage: what was measured.
        peer: beside what; empty for none.
        seconds: of each round, or one figure.
        work: what has to be done at least.
        runs: rounds behind a single figure.
        peer_seconds: of each round, or one figure.
        peak_mb: memory of all processes together.
        bound_seconds: what the work takes at the speed that this machine has shown.
    """
    ours, theirs = _figures(seconds), _figures(peer_seconds)
    middle_seconds = median(ours)
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)] if len(ours) == len(theirs) else []
    row = Row(
        stage=stage,
        peer=peer,
        seconds=middle_seconds,
        peer_seconds=median(theirs) if theirs else None,
        ratio=median(theirs) / middle_seconds if theirs else None,
        ratio_low=min(ratios) if len(ratios) > 1 else None,
        ratio_high=max(ratios) if len(ratios) > 1 else None,
        peak_mb=peak_mb,
        runs=runs or len(ours),
        work=work,
        bound_seconds=bound_seconds,
        times_bound=middle_seconds / bound_seconds if bound_seconds else None,
        date=datetime.now(UTC).date().isoformat(),
        machine=machine(),
    )
    against = f", {peer} {row.peer_seconds:.4g} s: {row.ratio:.3g} times as fast" if row.ratio else ""
    against += f" ({row.ratio_low:.3g} to {row.ratio_high:.3g})" if row.ratio_low else ""
    memory = f", peak {peak_mb:.0f} MB" if peak_mb else ""
    bound = f", bound {bound_seconds:.3g} s, {row.times_bound:.3g} times that" if bound_seconds else ""
    print(f"{stage}: {middle_seconds:.4g} s{against}{memory} ({work}{bound}; median of {row.runs})", flush=True)
    names = [field.name for field in fields(Row)]
    kept = []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            kept = [
                {n: r.get(n) for n in names} for r in csv.DictReader(file) if (r["stage"], r["peer"]) != (stage, peer)
            ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
        writer.writerow({name: _rounded(getattr(row, name)) for name in names})


def _figures(seconds: float | Sequence[float] | None) -> list[float]:
    if seconds is None:
        return []
    return list(seconds) if isinstance(seconds, Sequence) else [seconds]


def _rounded(value):
    return f"{value:.4g}" if isinstance(value, float) else value
