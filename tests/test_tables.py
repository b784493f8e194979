"""Tables: every changed bit is noticed, whichever columns are read, and other programs still read them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contextual_anomaly import tables
from contextual_anomaly.errors import UserError
from tests.torture.damage import outcomes

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
    found = outcomes(path, lambda: read(path), every=11)
    assert found.keys() == {"clear", "harmless"}


def test_most_flipped_bits_are_noticed(path):
    found = outcomes(path, lambda: tables.read_table(path, SCHEMA).to_pydict(), every=13)
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
