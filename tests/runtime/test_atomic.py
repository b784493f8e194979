"""Files that appear whole or not at all, and what killed processes leave."""

import pytest

from contextual_anomaly.runtime.atomic import write_aside


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail():
        with write_aside(path) as aside:
            aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table.csv", "before")]


def test_leftovers_of_the_same_file_are_removed_and_no_others(tmp_path):
    names = (".table.4711.part.csv", ".table.5.4711.part.csv", ".table.part.csv", ".table.4711.part.parquet")
    for name in names:
        (tmp_path / name).write_text("half")
    with write_aside(tmp_path / "table.csv") as aside:
        aside.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"table.csv", *names[1:]}
