"""Files and folders that appear whole or not at all, whoever else writes the same and whenever a process is killed.

`atomic_write` is for one file; `atomic_folder` for a folder with a manifest, which `require_whole` checks later. What is
expensive to make and shared by processes is made under `locks.only_one`:

    with only_one(target):  # the others wait here, and find it made
        if not is_whole(target):
            with atomic_folder(target) as folder:
                ...  # fill it
"""

import csv
import errno
import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.safe_text import to_cell, to_cells
from contextual_anomaly.runtime.system_errors import HINTS, in_words

if TYPE_CHECKING:
    import pandas as pd

OWN_DIGEST_KEPT_BESIDE = (".csv", ".json", ".yaml", ".onnx")
"""Endings of files that later steps read and that have no place for a digest of their own."""

_digests_wanted = False

MANIFEST = ".manifest.json"
"""File in a folder of `atomic_folder`: size in bytes and SHA-256 digest of each of its files."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it is renamed to ``path`` when the block ends well, else removed.

    The bytes are on the disk before they have the name, so that a power cut leaves the old file or the new one. Of
    several processes that write the same file, the last one wins. A link is replaced by the file, and what it points to
    stays as it is. A device or a pipe, as /dev/stdout, is written to in the end and never replaced.

    Args:
        path: the file to write; missing folders above it are made.

    Raises:
        UserError: a folder or a socket is there, or the system refuses, as a full or read-only disk does.
    """
    path = Path(path)
    with naming(path):
        if _is_stream(path):
            with tempfile.TemporaryDirectory(prefix="contextual_anomaly_") as folder:
                temporary = Path(folder) / f"output{path.suffix}"
                temporary.touch()
                yield temporary
                with temporary.open("rb") as content, path.open("wb") as out:
                    shutil.copyfileobj(content, out)
            return
        with _temporary(path, lambda name: name.touch()) as temporary:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            kept = digest_file(path).exists()  # of an earlier file, which this one replaces
            if not kept and not (_digests_wanted and path.suffix in OWN_DIGEST_KEPT_BESIDE):
                os.replace(temporary, path)
                return
            found = digest(temporary)
            digest_file(path).unlink(missing_ok=True)
            os.replace(temporary, path)
            write_digest(path, found)


def keep_digests() -> None:
    """Have `atomic_write` keep digests of files that later steps read, from now on; the workflow wants them."""
    global _digests_wanted
    _digests_wanted = True


def digest_file(path: Path) -> Path:
    """Return where the digest of a file is kept: a hidden file beside it, for `sha256sum --check`."""
    return path.with_name(f".{path.name}.sha256")


def write_digest(path: Path, found: str) -> None:
    """Keep the digest of a file, which `require_file` compares.

    Args:
        path: the file.
        found: its SHA-256 digest, 64 hexadecimal digits.
    """
    beside = digest_file(path)
    beside.write_text(f"{found}  {path.name}\n", encoding="utf-8")


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` to fill; with a manifest it becomes ``path`` when the block ends well.

    A folder that is there is replaced as a whole; for a moment there is none. One without a manifest may be somebody's own:
    it is replaced only if it holds nothing but files of the same names. Of several processes, the last one wins.
    The files are not synced one by one, as that takes long; what a power cut loses differs from the manifest, which
    `require_whole` notices.

    Args:
        path: the folder to make.

    Raises:
        UserError: a file, a link or a folder with other files is there, or the system refuses.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UserError(
            f"{path}: a folder was to be written there, and a {'link' if path.is_symlink() else 'file'} is."
        )
    with naming(path), _temporary(path, Path.mkdir) as temporary:
        yield temporary
        files = {name: {"size": file.stat().st_size, "sha256": digest(file)} for name, file in _files(temporary)}
        write_json({"files": files}, temporary / MANIFEST)
        there = [name for name, _ in _files(path)]
        if MANIFEST not in there:  # asked once: another process may put its folder there at any moment
            others = [name for name in there if name not in files and name != ".snakemake_timestamp"]
            if others:
                raise UserError(
                    f"{path}: holds other files, {others[0]} among them, and is not replaced; give another folder."
                )
        while True:
            try:
                temporary.rename(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                with _temporary(path, Path.mkdir) as old, suppress(FileNotFoundError):
                    path.rename(old / path.name)
            else:
                return


def require_whole(folder: str | Path, names: Iterable[str] | None = None) -> None:
    """Check a folder against the manifest that `atomic_folder` wrote; a folder without one is somebody's own, and is fine.

    Args:
        folder: the folder.
        names: files of which the digest is checked as well; of others, whether they are there and have their size.

    Raises:
        UserError: a file is missing or has changed; the message names the first, and says what to do.
    """
    folder, manifest = Path(folder), read_manifest(folder)
    problems = [f"{name} {problem}" for name, about in manifest.items() if (problem := _problem(folder / name, about))]
    if not problems:
        listed = (name for name in (() if names is None else names) if name in manifest)
        problems = [f"{name} has changed" for name in listed if digest(folder / name) != manifest[name]["sha256"]]
    if problems:
        raise UserError(
            f"{folder}: {len(problems):,} of the {len(manifest):,} files of its manifest are damaged, the first: "
            f"{problems[0]}. Delete the folder and run again."
        )


def is_whole(folder: str | Path) -> bool:
    """Return whether a folder is there, has a manifest and passes `require_whole`, digests included."""
    try:
        manifest = read_manifest(folder)
        require_whole(folder, manifest)
    except UserError:
        return False
    return (Path(folder) / MANIFEST).is_file()


def read_manifest(folder: str | Path) -> dict[str, dict]:
    """Return name, size and digest of the files of a folder; nothing where it has no manifest.

    Raises:
        UserError: the manifest is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        files = json.loads(path.read_bytes())["files"]
        return {name: {"size": int(about["size"]), "sha256": str(about["sha256"])} for name, about in files.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: the manifest is damaged ({error!r}). Delete the folder and run again.") from error


def digest(path: str | Path) -> str:
    """Return the SHA-256 digest of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def write_csv(table: "pd.DataFrame", path: str | Path, digits: int = 6) -> None:
    """Write a data frame as CSV, floats with so many significant digits, as `atomic_write` does.

    Text that a spreadsheet would run has an apostrophe before it; `safe_text.from_cells` takes it away.
    """
    with atomic_write(path) as temporary:
        to_cells(table).to_csv(temporary, index=False, float_format=f"%.{digits}g")


def write_rows(rows: Sequence[Mapping[str, object]], columns: Iterable[str], path: str | Path) -> None:
    """Write rows with these columns as CSV without pandas, as `atomic_write` does."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: to_cell(value) for name, value in row.items()} for row in rows)


def write_json(value: object, path: str | Path, indent: int | None = None) -> None:
    """Write a value as JSON, as `atomic_write` does."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def require_file(path: str | Path, what: str) -> Path:
    """Return ``path`` if it is a file, and the file that was written where a digest of that is kept.

    Args:
        path: the file.
        what: what was expected there, for the message.

    Raises:
        UserError: there is no file, or it has changed since it was written.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder is there" if path.is_dir() else "there is no such file"
        raise UserError(f"{path}: {what} was expected, {found}.")
    beside = digest_file(path)
    # A link leads into a cache of the workflow, which has put it there without its digest.
    if beside.is_file() and not path.is_symlink():
        expected = beside.read_bytes().split()[:1]
        if expected and expected[0] != digest(path).encode():
            raise UserError(
                f"{path}: has changed since it was written. Delete it and run again; if the change was meant, delete "
                f"{beside} instead."
            )
    return path


def read_text(path: str | Path, what: str) -> str:
    """Return the text of a file that passes `require_file`.

    Raises:
        UserError: there is no file, it has changed since it was written, or it is not UTF-8.
    """
    try:
        return require_file(path, what).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8, or damaged ({error}). Delete it and run again.") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an error of the system, which may name a temporary file or nothing, into one that names ``path``.

    Raises:
        UserError: the system refuses to write.
    """
    try:
        yield
    except OSError as error:
        beside = error.filename is None or str(error.filename).startswith(str(path.parent / f".{path.stem}."))
        if error.errno not in HINTS or isinstance(error, ConnectionError):
            raise  # of the network, or unknown
        error.filename, error.filename2 = str(path) if beside else error.filename, None
        raise UserError(in_words(error)) from error


@contextmanager
def _temporary(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make and yield a temporary file or folder beside ``path``; remove it afterwards, and those of killed processes.

    It is locked while its process lives, so that nobody takes it for one of those.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: libraries choose a format by it.
    before, after = f".{path.stem}.", f".part{path.suffix}"
    for left in path.parent.glob(f"{escape(before)}[0-9]*{escape(after)}"):
        # Not that of another file, whose name goes on with a number.
        if left.name.removeprefix(before).removesuffix(after).isdigit():
            with suppress(OSError), _locked(left):
                _remove(left)
    while True:
        temporary = path.with_name(f"{before}{secrets.randbelow(10**12)}{after}")
        make(temporary)
        with ExitStack() as lock:
            try:
                lock.enter_context(_locked(temporary))
                os.stat(temporary)
            except (FileNotFoundError, BlockingIOError):
                continue  # another process was faster and took it for one that was left
            except OSError as error:  # a drive without locks; what is left there stays
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EBADF, errno.EINVAL, errno.ENOSYS):
                    raise
            try:
                yield temporary
            finally:
                # A disk that has become read-only refuses this as well; its first message is the one to be read.
                with suppress(OSError):
                    _remove(temporary)
            return


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file or folder; raise BlockingIOError where another process has it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return names, relative to the folder and sorted, and paths of all files in it."""
    return sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())


def _problem(path: Path, about: Mapping) -> str:
    """Return what is wrong with a file of a manifest, as far as can be told without reading it, or ""."""
    try:
        size = path.stat().st_size
    except OSError:
        return "is missing"
    return "" if size == about["size"] else f"has {size:,} bytes instead of {about['size']:,}"


def _is_stream(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which takes bytes and keeps its name."""
    if path.is_symlink() and (
        str(path.parent) in ("/dev/fd", "/proc/self/fd") or os.readlink(path).startswith("/proc/self/fd/")
    ):
        return True  # standard output, even where that is a file
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        what = "folder" if stat.S_ISDIR(mode) else "socket" if stat.S_ISSOCK(mode) else "disk"
        raise UserError(f"{path}: a file was to be written there, and a {what} is there. Give another path.")
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
