"""Answers of a check as files: one module for each format.

JSON lines and CSV are written as the answers come; a document of COCO, Label Studio or CVAT when all are there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol, TextIO

from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.review.verdicts import Reviewed
from contextual_anomaly.runtime.atomic import naming
from contextual_anomaly.runtime.choices import AnswerFormat


class Writer(Protocol):
    """Takes answers one after the other."""

    def write(self, result: CheckResult) -> None:
        """Take one answer."""
        ...

    def close(self) -> dict[str, str]:
        """Write what is left, and return further files that the tool needs: content by the end of their name."""
        ...


def new_writer(
    export: AnswerFormat | str, out: TextIO, reviewed: Reviewed | None = None, all_images: bool = False
) -> Writer:
    """Return the writer of a format.

    Args:
        export: the format.
        out: where it goes; it stays open.
        reviewed: what reviewers said, for the order of findings and for the column true_probability.
        all_images: whether documents also hold images without findings, as to review a detector's boxes before labelling.
    """
    name = AnswerFormat(export).value.replace("-", "_")
    return import_module(f"{__name__}.{name}").Export(out, reviewed, all_images)


@contextmanager
def open_writer(
    export: AnswerFormat | str,
    output: str | Path | None = None,
    reviewed: Reviewed | None = None,
    all_images: bool = False,
) -> Iterator[Writer]:
    """Yield a writer to a file or to standard output; the file is there when the block ends, and grows meanwhile.

    What a tool needs beside it lies beside it: `tasks.json` of Label Studio has `tasks.labels.xml`.

    Args:
        export: the format.
        output: the file; None for standard output, which gets the document alone.
        reviewed: see `new_writer`.
        all_images: see `new_writer`.
    """
    if output is None:
        writer = new_writer(export, sys.stdout, reviewed, all_images)
        try:
            yield writer
        finally:
            writer.close()
        return
    output = Path(output)
    with naming(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("w", encoding="utf-8", newline="") as out:
            writer = new_writer(export, out, reviewed, all_images)
            try:
                yield writer
            finally:
                beside = writer.close()
        for ending, content in beside.items():
            output.with_suffix(ending).write_text(content, encoding="utf-8")
