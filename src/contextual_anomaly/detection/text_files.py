"""Read small text files of any encoding."""

import re
from pathlib import Path


def read_text(path: Path) -> str | None:
    """Read a text file in UTF-8 or UTF-16 with or without a byte order mark, or in an older encoding; None if binary."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError:
            return None
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")  # any bytes will do; ASCII, which is what counts, comes out right
    return None if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text) else text
