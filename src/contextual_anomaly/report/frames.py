"""Data frames as the report reads them: rows, groups, and figures with their intervals as text."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows as named tuples; their fields have the types of the columns, which no checker can know."""
    return iter(frame.itertuples(index=False))


def groups_of(frame: pd.DataFrame, by: str | list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield the rows of each value of ``by``, missing values too, in the order of their first appearance."""
    return iter(frame.groupby(by, sort=False, dropna=False))


def intervals(frame: pd.DataFrame, value: str, low: str, high: str) -> list[str]:
    """Return a column and its interval as text, one cell a row."""
    return [with_interval(*row) for row in frame[[value, low, high]].to_numpy(dtype=float)]


def with_interval(value: float, low: float, high: float) -> str:
    """Return a figure and its interval as text, as 0.812 [0.800, 0.820]; a dash where the figure is not a number."""
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"
