"""Cells of the report's tables."""

import pandas as pd
import pytest
from markupsafe import Markup

from contextual_anomaly.report.html_tables import NARROW_COLUMNS, html_table, linked, set_apart


@pytest.mark.parametrize(
    ("cell", "figure", "interval"),
    [
        ("0.873 [0.865, 0.881]", "0.873", "[0.865, 0.881]"),
        ("-9.037 [-9.224, -8.853]", "-9.037", "[-9.224, -8.853]"),
        ("99.9 ± 0.1 [99.8, 99.9]", "99.9 ± 0.1", "[99.8, 99.9]"),
        ("33 % [1 %, 91 %]", "33 %", "[1 %, 91 %]"),
        ("+0.0493 [+0.0328, +0.0636]", "+0.0493", "[+0.0328, +0.0636]"),
    ],
)
def test_an_interval_is_an_element_of_its_own(cell, figure, interval):
    assert set_apart(cell) == f'{figure} <span class="interval">{interval}</span>'
    assert Markup(set_apart(cell)).striptags() == cell


@pytest.mark.parametrize("cell", ["0.873", "–", "d = 10 [old]", "fork [kitchen]", linked("https://a.b", "7 [x]"), ""])
def test_other_cells_stay_as_they_are(cell):
    assert set_apart(cell) is cell


def test_what_stands_beside_an_interval_cannot_become_markup():
    assert set_apart("1<b> [2<i>, 3]") == '1&lt;b&gt; <span class="interval">[2&lt;i&gt;, 3]</span>'


@pytest.mark.parametrize("columns", [NARROW_COLUMNS - 1, NARROW_COLUMNS])
def test_tables_of_many_columns_are_narrow(columns):
    frame = pd.DataFrame([[f"0.{i} [0.0, 1.0]" for i in range(columns)]])
    table = html_table(frame)
    assert table["narrow"] == (columns == NARROW_COLUMNS)
    assert table["rows"] == frame.to_numpy().tolist()
