"""Files that appear whole or not at all, and what killed processes leave."""

import pytest

from contextual_anomaly.runtime.atomic import atomic_write


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table.csv", "before")]


def test_leftovers_of_the_same_file_are_removed_and_no_others(tmp_path):
    names = (".table.4711.part.csv", ".table.5.4711.part.csv", ".table.part.csv", ".table.4711.part.parquet")
    for name in names:
        (tmp_path / name).write_text("half")
    with atomic_write(tmp_path / "table.csv") as temporary:
        temporary.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"table.csv", *names[1:]}
