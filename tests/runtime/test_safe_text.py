"""Names from outside that a terminal would obey, a spreadsheet would run, or that are far too long."""

import csv
import logging
import math

import pandas as pd
import pytest

from contextual_anomaly.runtime import progress
from contextual_anomaly.runtime.atomic import write_csv, write_rows
from contextual_anomaly.runtime.safe_text import from_cell, from_cells, printable, short_repr, shortened, to_cell

HOSTILE = ["\x1b]0;title\x07", "\x9b31m", "a\rb", "\u202ereversed", "\u2066x", "\u200bhidden", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_obeys_is_shown_as_an_escape(text):
    shown = printable(f"cup {text} fork")
    assert shown.isprintable()
    assert shown.startswith("cup ")
    assert shown.endswith(" fork")
    assert "\\" in shown


def test_ordinary_text_of_any_language_stays():
    text = "café\tстол\n椅子 🍴 לחם – “x” 100 % \\n"
    assert printable(text) == text


def test_no_message_reaches_the_terminal_raw_or_at_any_length(capsys):
    progress.configure_logging()
    logging.getLogger("contextual_anomaly.test").info("name " + "\x1b[2J" * 50_000 + " end")
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert shown.endswith(" end\n")
    assert len(shown) < 30_000


def test_a_long_message_keeps_its_beginning_and_its_end():
    assert shortened("a" * 100, 100) == "a" * 100
    short = shortened("begin" + "x" * 10_000 + "end", 100)
    assert short.startswith("begin")
    assert short.endswith("end")
    assert len(short) < 150


def test_a_value_of_any_size_is_described_in_some_hundred_characters():
    for value in (10**400, 10**5000, -(10**5000), [10**5000], "x" * 10**6, [[[[[1] * 99] * 99]] * 99]):
        assert 0 < len(short_repr(value)) <= 350
    assert short_repr(10**400) == "a number of about 401 digits"


def test_a_value_of_any_depth_is_described():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert "..." in short_repr(deep)
    while deep:  # Python would free it by a recursion of its own
        deep = deep.pop()


FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "'=1",
    "''=1",
    "-x",
]
PLAIN = ["cup", "a=b", "", "'", "'quoted'", "-5", "+1.5e3", "-.5", "-inf", "-", "3", "x-y"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_as_a_formula_does_and_reading_gives_the_name_back(text):
    assert to_cell(text)[0] == "'"
    assert from_cell(to_cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_stay(text):
    assert to_cell(text) == text == from_cell(text)


def test_tables_are_written_safely_and_their_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"name": ["=1+1", None, "cup"], "id": ["-7", "@x", None], "score": [-1.5, 2, math.nan]})
    write_csv(table, tmp_path / "a.csv")
    write_rows(table.to_dict("records"), table.columns, tmp_path / "b.csv")
    for name in ("a.csv", "b.csv"):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["name"] for row in rows] in (["'=1+1", "", "cup"], ["'=1+1", "nan", "cup"])
        assert [row["score"] for row in rows][:2] in (["-1.5", "2"], ["-1.5", "2.0"])
    back = from_cells(pd.read_csv(tmp_path / "a.csv", dtype={"id": str}))
    assert back["name"][0] == "=1+1"
    assert back["id"].tolist()[:2] == ["-7", "@x"]
    assert back["score"][0] == -1.5
