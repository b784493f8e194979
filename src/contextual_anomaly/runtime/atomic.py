"""Files that appear whole or not at all."""

import csv
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from contextual_anomaly.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def temporary_path(path: Path) -> Path:
    """A name beside ``path`` for what becomes it when it is whole; what killed processes have left there is removed.

    The workflow has one process for each file. One that goes on after its Snakemake was killed fails here, in place of
    two that write into each other.
    """
    # The suffix stays last: libraries choose a format by it.
    before, after = f".{path.stem}.", f".part{path.suffix}"
    for left in path.parent.glob(f"{escape(before)}[0-9]*{escape(after)}"):
        # Not that of another file, whose name goes on with a number.
        if left.name.removeprefix(before).removesuffix(after).isdigit():
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f"{before}{os.getpid()}{after}")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed to ``path`` when the block ends well, else removed.

    Raises:
        UserError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{path}: no space left on the device; nothing was written. Free some space.") from error
        if error.errno == errno.EFBIG:
            raise UserError(f"{path}: larger than a file may be here (see ulimit -f); nothing was written.") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM) and error.filename in (
            str(temporary),
            str(path.parent),
        ):
            raise UserError(f"{path}: cannot be written ({error.strerror}).") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(table: "pd.DataFrame", path: str | Path, digits: int = 6) -> None:
    """Write a data frame as CSV, floats with so many significant digits, as `atomic_write` does."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format=f"%.{digits}g")


def write_rows(rows: Sequence[Mapping[str, object]], columns: Iterable[str], path: str | Path) -> None:
    """Write rows with these columns as CSV without pandas, as `atomic_write` does."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(value: object, path: str | Path) -> None:
    """Write a value as JSON, as `atomic_write` does."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def require_file(path: str | Path, what: str) -> Path:
    """``path`` if it is a file, else a UserError that says ``what`` was expected there."""
    path = Path(path)
    if not path.is_file():
        found = "a folder is there" if path.is_dir() else "there is no such file"
        raise UserError(f"{path}: {what} was expected, {found}.")
    return path
