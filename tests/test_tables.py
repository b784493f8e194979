"""Tables: every changed bit is noticed, whichever columns are read, and other programs still read them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contextual_anomaly import tables
from contextual_anomaly.detection.detections import read_image_report
from contextual_anomaly.errors import UserError
from contextual_anomaly.report.finished_run import FinishedRun
from tests.torture.outcomes import outcomes

SCHEMA = pa.schema({"id": pa.int64(), "x": pa.float32(), "name": pa.string(), "counts": pa.list_(pa.uint16(), 3)})


@pytest.fixture
def path(tmp_path):
    rng, n = np.random.default_rng(0), 40
    columns = [
        pa.array(np.arange(n)),
        pa.array([None if i % 7 == 0 else x for i, x in enumerate(rng.random(n).tolist())], pa.float32()),
        pa.array([f"image {i % 9}" for i in range(n)]),
        pa.FixedSizeListArray.from_arrays(pa.array(rng.integers(0, 5, 3 * n).astype(np.uint16)), 3),
    ]
    tables.write_table(pa.table(columns, schema=SCHEMA), SCHEMA, tmp_path / "t.parquet", {"dataset": "mine"})
    return tmp_path / "t.parquet"


@pytest.mark.parametrize(
    "read", [lambda path: tables.read_table(path, SCHEMA).to_pydict(), lambda path: tables.list_width(path, "counts")]
)
def test_every_flipped_bit_is_noticed_or_changes_nothing(path, read):
    found = outcomes(path, lambda: read(path), tries=700)
    assert found.keys() <= {"clear", "harmless"}


def test_most_flipped_bits_are_noticed(path):
    found = outcomes(path, lambda: tables.read_table(path, SCHEMA).to_pydict(), tries=700)
    assert found["clear"] > 0.8 * found.total()


@pytest.mark.parametrize("length", [0, 4, 11, 200])
def test_a_table_that_is_cut_off_is_named(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"t\.parquet: .* Delete it and run again"):
        tables.read_table(path, SCHEMA)


def test_other_programs_read_the_table_and_theirs_are_read(path, tmp_path):
    mine = tables.read_table(path, SCHEMA)
    assert pq.read_table(path).equals(mine)
    pq.write_table(mine, tmp_path / "other.parquet")
    assert tables.read_table(tmp_path / "other.parquet", SCHEMA).equals(mine)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("method,recall,precision\ndetector,0.5,0.25\n", None),
        ("method,recall,precision\ndetector,0.5,\n", None),
        ("method,recall,precision\n", None),
        ("method,recall,precisipn\ndetector,0.5,0.25\n", "columns are .*'precisipn'"),
        ("method,recall,precision\ndetector,0.5,0.2q5\n", "a number was expected in column 'precision', found '0.2q5'"),
        ("method,recall,precision\ndetector,0.5,0.25,1\n", "more fields than there are columns"),
        ("method,recall,precision\ndetector,0.5,True\n", "a number was expected in column 'precision'"),
    ],
)
def test_a_csv_file_has_its_columns_and_numbers(tmp_path, content, said):
    path = tmp_path / "experiments/rescoring/d.precision_recall.csv"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    run = FinishedRun(tmp_path, {}, [], [], None)
    if said is None:
        assert list(run.csv("experiments/rescoring/d.precision_recall.csv").columns) == [
            "method",
            "recall",
            "precision",
        ]
    else:
        with pytest.raises(UserError, match=said) as raised:
            run.csv("experiments/rescoring/d.precision_recall.csv")
        assert str(path) in str(raised.value)
        assert "Delete it and run again" in str(raised.value)


def test_a_status_that_nobody_writes_is_refused(tmp_path):
    path = tmp_path / "images.csv"
    path.write_text("image_id,file_name,status,problem\n1,a.jpg,run,\n2,b.jpg,rum,\n")
    with pytest.raises(UserError, match="one of run, absent, unreadable was expected as status, found 'rum'"):
        read_image_report(path)
