"""Text from outside, such as names in annotation files, made safe for terminals, messages and spreadsheets.

Files keep names as they are. What reads them interprets some characters: a terminal obeys escape sequences, a text
viewer turns text around at bidirectional controls, and a spreadsheet runs a cell that begins with an equals sign.
"""

import re
from collections.abc import Callable
from reprlib import Repr
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

LONGEST_MESSAGE = 6_000  # characters

# Control characters but tab and line feed; marks that change the direction of text; separators of lines; characters
# without a shape; halves of surrogate pairs.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
# What spreadsheets take for a formula, or cut a cell at; behind any number of apostrophes, so that none is lost on reading.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-](inf)?", re.ASCII | re.IGNORECASE)

_short = Repr()
_short.maxlevel, _short.maxdict, _short.maxlist, _short.maxtuple = 3, 4, 6, 6
_short.maxstring = _short.maxother = 120


def printable(text: str) -> str:
    r"""Return text for a terminal or a log: what would act in place of being shown becomes an escape, as ``\x1b``."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shortened(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return text of a bounded length; what is too much is cut out of the middle, as messages end with what to do."""
    if len(text) <= longest:
        return text
    tail = longest // 4
    return f"{text[: longest - tail]} … {len(text) - longest:,} characters … {text[-tail:]}"


def short_repr(value: object) -> str:
    """Return `repr` of a value of any size and depth, cut to some hundred characters."""
    if isinstance(value, int) and abs(value) >= 10**30:
        # Python refuses to write very long ones.
        return f"a number of about {int(value.bit_length() * 0.30103) + 1:,} digits"
    try:
        return shortened(_short.repr(value), 300)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"


def to_cell(value: T) -> T | str:
    """Return a value for a cell of a CSV file; an apostrophe goes before text that a spreadsheet would run.

    Numbers stay numbers, also those that are written as text.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def from_cell(text: T) -> T | str:
    """Return what `to_cell` was given."""
    return text[1:] if isinstance(text, str) and text.startswith("'") and _FORMULA.match(text) else text


def to_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a data frame whose text is safe in spreadsheets, see `to_cell`."""
    return _mapped(table, to_cell)


def from_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the data frame that `to_cells` was given, after it was read from CSV."""
    return _mapped(table, from_cell)


def _mapped(table: "pd.DataFrame", function: Callable[[T], T | str]) -> "pd.DataFrame":
    import pandas as pd

    texts = [name for name in table.columns if pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object]
    return table.assign(**{str(name): table[name].map(function) for name in texts}) if texts else table
