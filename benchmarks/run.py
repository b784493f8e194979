"""`python benchmarks/run.py [STAGE…]`: stages one after another; what lacks its data is skipped by name, and the rest goes on.

Ends with status 1 where a stage failed, and says in the end which were measured, which were skipped, and why.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from measure import SKIPPED

HERE = Path(__file__).parent
# Detection and live use look at what a run has made, so the workflow's own benchmark comes before them.
STAGES = (
    "annotations",
    "annotations_ten",
    "sweep",
    "experiment1",
    "audit",
    "darknet",
    "detection",
    "workflow",
    "live",
    "watch",
)


def run_stages(stages: list[str]) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """Run the stages; return the measured ones, why others were skipped, and the exit status of those that failed."""
    measured, skipped, failed = [], {}, {}
    for stage in stages:
        print(f"== {stage}", flush=True)
        program = HERE / f"{stage}.py"
        if not program.exists():
            skipped[stage] = "there is no such stage yet"
            continue
        process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=os.environ)
        last = ""
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
        status = process.wait()
        if status == SKIPPED:
            skipped[stage] = last.removeprefix(f"{stage}: skipped: ")
        elif status:
            failed[stage] = status
        else:
            measured.append(stage)
    return measured, skipped, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="*", default=STAGES, help=f"of {', '.join(STAGES)}; default: all")
    measured, skipped, failed = run_stages(parser.parse_args().stage)
    print(f"== measured: {', '.join(measured) or 'nothing'}")
    for stage, why in skipped.items():
        print(f"== skipped: {stage}: {why}")
    for stage, status in failed.items():
        print(f"== failed: {stage}, with status {status}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
