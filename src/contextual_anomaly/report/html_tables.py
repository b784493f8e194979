"""Tables of the report: which cells a data frame becomes, and how numbers are written."""

import re
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from markupsafe import Markup

from contextual_anomaly.report.frames import rows_of

WITH_INTERVAL = re.compile(r"([-+−]?\d[^\[\]]*) (\[[^\[\]]+\])")  # 0.873 [0.865, 0.881]
NARROW_COLUMNS = 6  # from this number of columns on, intervals stand below their figures, so that the table fits a page


class Table(TypedDict):
    """What the template's macro `table` shows."""

    headings: list[tuple[str, bool]]  # text, and whether the column is numeric
    rows: list[list[str]]
    numeric: list[bool]
    narrow: bool  # whether an interval stands below its figure, not beside it


def html_table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None) -> Table:
    """Return the headings and cells of a data frame as text; numeric columns are aligned right.

    Args:
        frame: One row of the table each.
        formats: Format specification by column, as in `format`; other columns are written as they are.
    """
    formats = formats or {}
    names = [str(name) for name in frame.columns]
    cells = [
        [_text(value, formats.get(name, "")) for name, value in zip(names, row, strict=True)] for row in rows_of(frame)
    ]
    numeric = [name in formats or pd.api.types.is_numeric_dtype(frame.dtypes.iloc[i]) for i, name in enumerate(names)]
    headings = list(zip(names, numeric, strict=True))
    return {"headings": headings, "rows": cells, "numeric": numeric, "narrow": len(names) >= NARROW_COLUMNS}


def _text(value: Any, specification: str) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value  # not copied: a link is markup
    return format(value, specification) if specification else str(value)


def linked(address: str, text: str) -> Markup:
    """Return a cell that links to an address."""
    return Markup('<a href="{}">{}</a>').format(address, text)  # format escapes


def set_apart(cell: str) -> str:
    """Return a cell whose interval, if it has one, is an element of its own, which the style sheet may put below.

    Args:
        cell: text, or the markup of a link.
    """
    parts = WITH_INTERVAL.fullmatch(cell)
    return Markup('{} <span class="interval">{}</span>').format(*parts.groups()) if parts else cell
