"""Values of a file whose meaning is plain though their type is not COCO's: digits as text, integral floats, flags."""

import math
import re
from typing import Any

INTEGER = re.compile(r"[+-]?\d{1,40}(\.0*)?", re.ASCII)
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
DRIVE = re.compile(r"^[A-Za-z]:")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def integer(value: Any) -> int | None:
    """Return 3 of 3, 3.0, "3" and "3.0", and None of what is no integer; truth values are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and INTEGER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return None


def number(value: Any) -> float | None:
    """Return a number, also of text such as "12.5", and None of what is none; NaN and infinity are numbers here."""
    if type(value) is float:  # as most are
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:
        return math.inf


def flag(value: Any) -> bool | None:
    """Return what 0, 1, false, true, null and their texts mean, and None of anything else."""
    if value is None:
        return False
    if isinstance(value, str):
        value = {"false": 0, "no": 0, "": 0, "true": 1, "yes": 1}.get(value.strip().lower(), value)
    if isinstance(value, bool):
        return value
    whole = integer(value)
    return bool(whole) if whole in (0, 1) else None


def text(value: Any) -> str:
    """Return a text, of a number its digits, and an empty one of what is neither."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # half a surrogate pair cannot be written
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def identity(value: Any) -> int | str | None:
    """Return what an id is compared by: an integer where it is one, also as text, else its text; None of what is no id.

    "007" stays text, or it would be the same as "7".
    """
    if type(value) is int:  # as most are
        return value
    if isinstance(value, str):
        whole = integer(value)
        return whole if whole is not None and str(whole) == value else text(value) or None
    return integer(value)


def file_name(name: str) -> str:
    r"""Return a name within a folder: `\` becomes `/`, and a drive, leading folders `/` and `..` are left out."""
    if URL.match(name) and not DRIVE.match(name):
        return CONTROL.sub("_", name)
    parts = DRIVE.sub("", CONTROL.sub("_", name).replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part.strip() not in ("", ".", ".."))
