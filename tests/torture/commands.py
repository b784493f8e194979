"""Every command of a finished run again, where its output cannot be written."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLAN = re.compile(r"^rule (\w+):\n    output: (.*)\n(?:.*\n)*?Shell command: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One command line of the workflow.

    Attributes:
        words: the program and its arguments.
        outputs: which of them are files, or a folder, that it writes.
        folder: where it runs.
    """

    words: tuple[str, ...]
    outputs: tuple[str, ...]
    folder: Path

    @property
    def name(self) -> str:
        """The sub-command."""
        return self.words[1]

    def into(self, folder: Path) -> "Command":
        """Return the command with its outputs below another folder."""
        moved = {output: str(folder / output) for output in self.outputs}
        return Command(tuple(moved.get(word, word) for word in self.words), tuple(moved.values()), self.folder)

    def run(self, before: tuple[str, ...] = (), **options) -> subprocess.CompletedProcess:
        """Run it, behind the words of another program if there are any."""
        return subprocess.run([*before, *self.words], cwd=self.folder, capture_output=True, text=True, **options)


def planned_commands(plan: str, folder: Path) -> list[Command]:
    """Return one command of each kind.

    Args:
        plan: what `snakemake --dry-run --forceall --printshellcmds` prints.
        folder: where the workflow was run.
    """
    found = {}
    for rule, outputs, shell in PLAN.findall(plan):
        words = shlex.split(shell.partition(" > ")[0].partition(" 2>&1")[0])
        program, _, _, *rest = words  # without --usage FILE
        found.setdefault(rule, Command((program, *rest), tuple(outputs.split(", ")), folder))
    return list(found.values())


def outcome(done: subprocess.CompletedProcess, place: Path) -> str:
    """Return which of `torture.OUTCOMES` a command came to that could not write into ``place``."""
    if "Traceback" in done.stderr or done.returncode not in (0, 1, 2):
        return "traceback"
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == 2 and last.startswith("error: ") and str(place) in last:
        return "clear"
    return "silent"


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """A file system in memory, for as long as the block runs.

    Args:
        place: the folder to mount it on.
        options: of `mount -o`.

    Raises:
        PermissionError: this user may not mount.
    """
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place], capture_output=True)
    if done.returncode:
        raise PermissionError(f"a file system cannot be mounted here: {done.stderr.decode()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def left_behind(place: Path, original: Path) -> list[str]:
    """Return the files below a folder that are not, byte for byte, those of the finished run."""
    found = [path for path in place.rglob("*") if path.is_file() and path.name not in ("filler",)]
    return [
        str(path)
        for path in found
        if not (original / path.relative_to(place)).is_file()
        or path.read_bytes() != (original / path.relative_to(place)).read_bytes()
    ]
