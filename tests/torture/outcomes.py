"""What a reader makes of a file of which one bit is flipped."""

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from contextual_anomaly.errors import UserError


def outcomes(path: Path, read: Callable[[], object], tries: int | None = None) -> Counter[str]:
    """Flip one bit of a file after the other, read it each time, and put it right in the end.

    Args:
        path: the file.
        read: reads it, and returns something that can be compared.
        tries: so many bits, by chance but always the same; None for all.

    Returns:
        How often the reader came to each of `torture.OUTCOMES`.
    """
    content, right, found = path.read_bytes(), read(), Counter()
    times = path.stat()
    bits = range(8 * len(content))
    if tries is not None and tries < len(bits):
        bits = random.Random(0).sample(bits, tries)
    try:
        for bit in bits:
            _put(path, bit // 8, content[bit // 8] ^ 1 << bit % 8)
            try:
                found["harmless" if read() == right else "silent"] += 1
            except UserError as error:
                found["clear" if str(path) in str(error) or str(path.parent) in str(error) else "traceback"] += 1
            except Exception:
                found["traceback"] += 1
            _put(path, bit // 8, content[bit // 8])
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return found


def _put(path: Path, position: int, byte: int) -> None:
    """Write one byte in its place: writing the whole file anew would wait for the disk each time."""
    with path.open("r+b") as file:
        file.seek(position)
        file.write(bytes([byte]))
