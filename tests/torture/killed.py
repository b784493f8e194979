"""Processes that are killed at random moments: what they leave is whole, or is not there."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from contextual_anomaly.runtime.atomic import is_whole
from tests.torture.refused import commands_of, left_behind
from tests.workflow.conftest import Project

FILL = """
import sys
from contextual_anomaly.runtime.atomic import atomic_folder
while True:
    with atomic_folder(sys.argv[1]) as folder:
        for number in range(50):
            (folder / f"{number}.txt").write_text(f"{number} of {sys.argv[2]}")
"""


def rows(project: Project, kills: int, work: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Yield a row for each kind of process."""
    yield "killed: three processes that write one folder", folders(kills, work)
    yield "killed: commands of the workflow", commands(project, kills, work)


def folders(kills: int, work: Path) -> Counter[str]:
    """Kill three processes, which fill the same folder again and again, so many times."""
    moments, folder, found = random.Random(0), work / "killed" / "shared", Counter()
    for _ in range(kills):
        writers = [subprocess.Popen([sys.executable, "-c", FILL, folder, str(n)]) for n in range(3)]
        time.sleep(moments.uniform(0.05, 0.5))
        for writer in writers:
            writer.kill()
            writer.wait()
        found["harmless" if not folder.exists() or is_whole(folder) else "silent"] += 1
    return found


def commands(project: Project, kills: int, work: Path) -> Counter[str]:
    """Kill commands of the workflow, each in turn, so many times in all."""
    moments, found = random.Random(0), Counter()
    every = commands_of(project)
    for number in range(kills):
        place = work / "killed" / str(number)
        command = every[number % len(every)].into(place)
        with subprocess.Popen(command.words, cwd=command.folder, stderr=subprocess.DEVNULL) as process:
            time.sleep(moments.uniform(0.2, 3))
            process.kill()
        found["silent" if left_behind(place, command.folder) else "harmless"] += 1
    return found
