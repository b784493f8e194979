"""Damage to files, bit by bit, and what a reader makes of it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from contextual_anomaly.errors import UserError


def outcomes(path: Path, read: Callable[[], object], every: int = 1) -> Counter[str]:
    """Flip one bit of a file after the other, read it each time, and put it right in the end.

    Args:
        path: the file.
        read: reads it, and returns something that can be compared.
        every: of so many bits, one is flipped.

    Returns:
        How often the reader came to each of `torture.OUTCOMES`.
    """
    content, right, found = path.read_bytes(), read(), Counter()
    try:
        for bit in range(0, 8 * len(content), every):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            try:
                found["harmless" if read() == right else "silent"] += 1
            except UserError as error:
                found["clear" if str(path) in str(error) else "traceback"] += 1
            except Exception:
                found["traceback"] += 1
    finally:
        path.write_bytes(content)
    return found
