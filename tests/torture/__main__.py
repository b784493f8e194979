"""Count how the project takes what goes wrong: kills, full and read-only disks, missing rights, damaged files, hostile input.

    python -m tests.torture [--tries 500] [--project FOLDER] [--output results/torture.csv]

The small workflow of the tests is run first, in a temporary folder, unless FOLDER is such a copy that has run. Some rows
need root, to mount file systems in memory; without it they are left out, and named.
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.torture import OUTCOMES, damaged, hostile, killed, refused
from tests.workflow.conftest import Project, copy_project


def rows(project: Project, tries: int, work: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Yield what was done, and how often it came to each outcome.

    Args:
        project: a copy of the project whose small workflow has run.
        tries: how many bits to flip in files of each kind, and hostile inputs of each kind; a tenth as many processes are killed.
        work: an empty folder.
    """
    yield from damaged.rows(project.folder / "results", tries, work)
    yield from killed.rows(project, max(1, tries // 10), work)
    yield from refused.rows(project, work)
    yield from hostile.rows(tries)


def main() -> int:
    """Print the table and write it; return 1 if anything was silent or a traceback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=500)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--output", type=Path, default=Path("results/torture.csv"))
    options = parser.parse_args()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="contextual_anomaly_torture_") as folder:
        work = Path(folder)
        project = Project(options.project.resolve()) if options.project else copy_project(work / "project")
        if not options.project:
            project.snakemake()
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with options.output.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["what", "tried", *OUTCOMES])
            print(f"{'what':58}{'tried':>7}", *(f"{name:>10}" for name in OUTCOMES))
            for what, found in rows(project, options.tries, work):
                total += found
                table.writerow([what, found.total(), *(found[name] for name in OUTCOMES)])
                file.flush()
                print(f"{what:58}{found.total():7,}", *(f"{found[name]:10,}" for name in OUTCOMES), flush=True)
    print(f"{'all':58}{total.total():7,}", *(f"{total[name]:10,}" for name in OUTCOMES))
    return int(bool(total["silent"] or total["traceback"]))


if __name__ == "__main__":
    sys.exit(main())
