"""Every command of a finished run again, where the system refuses to write its output."""

import os
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.workflow.conftest import Project

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


def commands_of(project: Project) -> list[Command]:
    """Return one command of each kind of a project whose workflow has run."""
    plan = project.snakemake("--dry-run", "--forceall", "--printshellcmds").stdout
    found = {}
    for rule, outputs, shell in PLAN.findall(plan):
        words = shlex.split(shell.partition(" > ")[0].partition(" 2>&1")[0])
        program, _, _, *rest = words  # without --usage FILE
        found.setdefault(rule, Command((program, *rest), tuple(outputs.split(", ")), project.folder))
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
    """Return the files below a folder that are not, byte for byte, those of the finished run; hidden ones do not count."""
    if not place.is_dir():
        return []
    found = {path: path.relative_to(place) for path in place.rglob("*") if path.is_file()}
    return [
        str(path)
        for path, name in found.items()
        if not any(part.startswith(".") for part in name.parts)
        and not name.name.endswith((".timing.json", "filler"))
        and not ((original / name).is_file() and path.read_bytes() == (original / name).read_bytes())
    ]


def below_a_file(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command whose outputs lie below a file."""
    place.write_text("kept")
    try:
        return command.into(place).run()
    finally:
        place.unlink()


def in_the_way(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command whose outputs have a folder in their place, or a link where a folder is to be written."""
    for output in command.outputs:
        (place / output).parent.mkdir(parents=True, exist_ok=True)
        (place / output).mkdir() if Path(output).suffix else (place / output).symlink_to("x")
    return command.into(place).run()


def without_rights(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command as a user who may not write there."""
    place.mkdir(mode=0o755)
    return command.into(place).run(("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))


def on_a_read_only_disk(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command whose outputs lie on a disk that is read-only."""
    with mounted(place, "ro"):
        return command.into(place).run()


def on_a_full_disk(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command whose outputs lie on a disk that is full."""
    with mounted(place, "size=4k"):
        (place / "filler").write_bytes(bytes(4096))
        done = command.into(place).run()
        if left := left_behind(place, command.folder):
            done.stderr += f"silent: {left} is left"
        return done


def with_a_limit(command: Command, place: Path) -> subprocess.CompletedProcess:
    """Run a command under ulimit -f."""
    return command.into(place).run(("prlimit", "--fsize=64"))


WAYS = {
    "below a file": below_a_file,
    "a folder or a link in the way": in_the_way,
    "no rights (another user)": without_rights,
    "a read-only disk": on_a_read_only_disk,
    "a full disk": on_a_full_disk,
    "ulimit -f": with_a_limit,
}
NEED_ROOT = (without_rights, on_a_read_only_disk, on_a_full_disk)


def attempt(
    project: Project, ways: Sequence[Callable[[Command, Path], subprocess.CompletedProcess]], work: Path
) -> Counter[str]:
    """Return how every command of a project comes out where its output is refused in one of the `WAYS`, each in turn."""
    place, found = work / "refused", Counter()
    for command, way in zip(commands_of(project), cycle(ways), strict=False):
        done = way(command, place)
        result = "silent" if left_behind(place, project.folder) else outcome(done, place)
        if result != "clear":
            print(f"{command.name}: {result}, status {done.returncode}: {done.stderr[-500:]}")
        found[result] += 1
        if place.is_dir():
            shutil.rmtree(place)
    return found


def rows(project: Project, work: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Yield a row for each way in which the system refuses."""
    for name, way in WAYS.items():
        if way in NEED_ROOT and os.getuid() != 0:
            print(f"refused: {name}: left out, as it needs root")
            continue
        yield f"refused: {name}", attempt(project, [way], work)
