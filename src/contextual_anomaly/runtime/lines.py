"""Lines of a stream of any content: none is too long for the memory."""

from collections.abc import Iterator
from typing import BinaryIO

LONGEST_LINE = 1 << 20
"""Bytes; what is longer is no scene."""


def lines_of(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and content of each line that is not empty; None in place of one that is too long."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE + 1)
            yield number, None
        elif line.strip():
            yield number, line
