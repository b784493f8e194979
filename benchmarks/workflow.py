"""`python benchmarks/workflow.py [--runs N]`: what the workflow adds to the work of its commands, on the synthetic world.

A whole run into an empty folder, less the time in which at least one command was at work, as their usage files say; then
the same run again, which finds nothing to do.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from measure import ROOT, WORK, main_of, middle, report, run


def at_work(logs: Path) -> float:
    """Return the seconds in which at least one command ran: a command writes its usage file when it ends."""
    spans = []
    for usage in logs.glob("*.usage.json"):
        end = usage.stat().st_mtime
        spans.append((end - json.loads(usage.read_text())["seconds"], end))
    total, until = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="whole runs; 0: only the last, as it is, again")
    parser.add_argument("--again", type=int, default=3, help="runs with nothing to do")
    options = parser.parse_args()
    # Snakemake keeps its notes in the working directory: one of its own, of the benchmark.
    folder = WORK / "workflow"
    snakemake = [Path(sys.executable).with_name("snakemake"), "--snakefile", ROOT / "Snakefile", "--directory", folder]
    snakemake += [
        "--workflow-profile",
        ROOT / "profiles" / "default",
        "--cores",
        "2",
        "--configfile",
        ROOT / "config.yaml",
    ]
    whole, added = [], []
    logs = folder / "results" / "logs"
    for _ in range(options.runs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        whole.append(run(*snakemake))
        added.append(whole[-1].seconds - at_work(logs))
    steps = len(list(logs.glob("*.usage.json")))
    if whole:
        report(
            "workflow overhead, synthetic world", "", sorted(added)[len(added) // 2], runs=options.runs,
            peak_mb=middle(whole)[1], work=f"{steps} commands; the whole run took {middle(whole)[0]:.0f} s",
        )  # fmt: skip
    idle = [run(*snakemake) for _ in range(options.again)]
    if "Nothing to be done" not in idle[-1].output:
        sys.exit(f"the second run had something to do:\n{idle[-1].output}")
    report(
        "workflow, nothing to do", "", middle(idle)[0], runs=options.again, peak_mb=middle(idle)[1],
        work=f"{steps} commands to find up to date",
    )  # fmt: skip


if __name__ == "__main__":
    main_of(main)
