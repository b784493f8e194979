"""Tables of the report: what is shown of a data frame, and how numbers are written."""

import numpy as np
import pandas as pd
from markupsafe import Markup


def shown(frame: pd.DataFrame, formats: dict[str, str] | None = None) -> dict:
    """Headings and cells as text, for the template; numbers stand to the right.

    Args:
        formats: of a column, as in `format`; others are written as they are.
    """
    cells = []
    for row in frame.itertuples(index=False):
        cells.append(
            [_text(value, (formats or {}).get(name, "")) for name, value in zip(frame.columns, row, strict=True)]
        )
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) or name in (formats or {}) for name in frame.columns]
    return {"headings": list(zip(frame.columns, numeric, strict=True)), "rows": cells, "numeric": numeric}


def _text(value, how: str) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value  # as it is: a link is markup
    return format(value, how) if how else str(value)


def linked(address: str, text: str) -> Markup:
    """A cell that leads to an address."""
    return Markup('<a href="{}">{}</a>').format(address, text)  # format escapes


def with_interval(value: float, low: float, high: float) -> str:
    """0.812 [0.80, 0.82]"""
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"
